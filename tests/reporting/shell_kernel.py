"""A kernel whose cells are shell commands, for notebooks in another language than Python."""

import subprocess
from typing import Any

from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel


class ShellKernel(Kernel):
    """Keeps what was run, so that variables of a cell are there in the next."""

    implementation, implementation_version, banner = "shell", "1", ""
    language_info = {"name": "bash", "mimetype": "text/x-sh", "file_extension": ".sh"}  # noqa: RUF012
    before = ""

    async def do_execute(self, code: str, silent: bool, *_: Any, **__: Any) -> dict[str, Any]:
        script = f"{self.before} >/dev/null\n{code}" if self.before else code
        self.before += f"{code}\n"
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
        if not silent:
            content = {"name": "stdout", "text": done.stdout}
            self.send_response(self.iopub_socket, "stream", content)  # type: ignore[no-untyped-call]
        return {"status": "ok", "execution_count": self.execution_count, "payload": [],
                "user_expressions": {}}  # fmt: skip


if __name__ == "__main__":
    IPKernelApp.launch_instance(kernel_class=ShellKernel)
