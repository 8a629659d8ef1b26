// Starts a Node function: a Lambda runtime client (Runtime API 2018-06-01) without native parts.
import { existsSync, writeSync } from 'node:fs';
import http from 'node:http';
import module, { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';

const BASE = '/2018-06-01/runtime';
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const jsonLogs = process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const leastLevel = jsonLogs ? LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL || 'INFO') : 0;
let requestId;

// A record of the logger is one event, however many lines it has: see log_events.py.
const FRAME_TYPE = 0xa55a0003;
const logDescriptor = Number(process.env._LAMBDA_TELEMETRY_LOG_FD);
delete process.env._LAMBDA_TELEMETRY_LOG_FD;

function writeRecord(text) {
  const message = Buffer.from(text);
  const header = Buffer.alloc(16);
  header.writeUInt32BE(FRAME_TYPE, 0);
  header.writeUInt32BE(message.length, 4);
  header.writeBigUInt64BE(BigInt(Date.now()) * 1000n, 8);
  let bytes = Buffer.concat([header, message]);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(logDescriptor, bytes));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error; // the pipe is full: the reader is on its way
    }
  }
}

function log(level, args) {
  if (LEVELS.indexOf(level) < leastLevel) return;
  const timestamp = new Date().toISOString();
  if (jsonLogs) {
    const message = args.length === 1 && typeof args[0] === 'object' ? args[0] : format(...args);
    writeRecord(JSON.stringify({ timestamp, level, requestId, message }));
  } else {
    writeRecord(`${timestamp}\t${requestId}\t${level}\t${format(...args)}`);
  }
}

for (const name of ['trace', 'debug', 'info', 'warn', 'error']) {
  console[name] = (...args) => log(name.toUpperCase(), args);
}
console.log = (...args) => log('INFO', args);

function call(method, route, body, headers = {}) {
  const payload = body === undefined ? undefined : Buffer.from(body);
  const sized = payload && { 'content-type': 'application/json', 'content-length': payload.length };
  const options = { host, port, method, path: BASE + route, agent, headers: { ...sized, ...headers } };
  return new Promise((resolve, reject) => {
    const request = http.request(options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
    });
    request.on('error', reject);
    request.end(payload);
  });
}

function described(error) {
  if (!(error instanceof Error)) {
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  }
  const { name, message, stack } = error;
  return { errorType: name, errorMessage: message, trace: (stack || '').split('\n') };
}

function named(name, message) {
  const error = new Error(message);
  error.name = name;
  return error;
}

// ES modules ignore NODE_PATH, but on Lambda they find layers and the AWS SDK there all the same.
// A module below `<folder>/node_modules` is found as seen from a file in `<folder>`.
const viewpoints = (process.env.NODE_PATH || '').split(path.delimiter)
  .filter((folder) => path.basename(folder) === 'node_modules')
  .map((folder) => pathToFileURL(path.join(path.dirname(folder), 'viewpoint.js')).href);
const hooksInThread = typeof module.registerHooks === 'function'; // since Node 22.15

function lookFurther(specifier, context, next) {
  try {
    return next(specifier, context);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    for (const parentURL of viewpoints) {
      try {
        return next(specifier, { ...context, parentURL });
      } catch {} // not there either
    }
    throw error;
  }
}

// The same for older nodes, whose hooks are asynchronous and run in a thread of their own.
const HOOKS_IN_A_THREAD = `
  const viewpoints = ${JSON.stringify(viewpoints)};
  export async function resolve(specifier, context, next) {
    try {
      return await next(specifier, context);
    } catch (error) {
      if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
      for (const parentURL of viewpoints) {
        try {
          return await next(specifier, { ...context, parentURL });
        } catch {}
      }
      throw error;
    }
  }`;

if (hooksInThread && viewpoints.length > 0) module.registerHooks({ resolve: lookFurther });

function importModule(file) {
  // A thread takes 70 ms of the init phase: only for handlers that are ES modules themselves.
  if (!hooksInThread && viewpoints.length > 0) {
    module.register(`data:text/javascript,${encodeURIComponent(HOOKS_IN_A_THREAD)}`);
  }
  return import(pathToFileURL(file).href);
}

const ES_MODULE_ERRORS = ['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE', 'ERR_MODULE_NOT_FOUND'];

async function loadModule(file) {
  for (const suffix of ['.mjs', '.js', '.cjs']) {
    if (!existsSync(file + suffix)) continue;
    if (suffix === '.mjs') return importModule(file + suffix);
    try {
      return createRequire(file + suffix)(file + suffix);
    } catch (error) {
      if (!ES_MODULE_ERRORS.includes(error.code)) throw error;
      return importModule(file + suffix);
    }
  }
  throw named('Runtime.ImportModuleError', `Error: Cannot find module '${path.basename(file)}'`);
}

// Only here can it be missing: Lambda's own Node.js runtimes bring it along.
function sdkAdvice(message) {
  const [, name] = /'(@aws-sdk\/[^'/]+)/.exec(message) || [];
  return name ? `; this node has no AWS SDK: npm install --global ${name}, or use a layer` : '';
}

async function loadHandler() {
  const [folder, name] = [path.dirname(process.env._HANDLER), path.basename(process.env._HANDLER)];
  const dot = name.indexOf('.');
  if (dot < 0) throw named('Runtime.MalformedHandlerName', 'Bad handler');
  const file = path.resolve(process.env.LAMBDA_TASK_ROOT, folder, name.slice(0, dot));
  let module;
  try {
    module = await loadModule(file);
  } catch (error) {
    if (error instanceof SyntaxError) throw named('Runtime.UserCodeSyntaxError', String(error));
    if (/MODULE_NOT_FOUND$/.test(error.code)) {
      const advice = sdkAdvice(error.message);
      throw named('Runtime.ImportModuleError', `Error: ${error.message}${advice}`);
    }
    throw error;
  }
  const wanted = name.slice(dot + 1).split('.');
  const found = wanted.reduce((inner, key) => inner && inner[key], module);
  const handler = found || wanted.reduce((inner, key) => inner && inner[key], module.default);
  if (typeof handler !== 'function') {
    throw named('Runtime.HandlerNotFound', `${process.env._HANDLER} is undefined or not exported`);
  }
  return handler;
}

function contextOf(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const client = headers['lambda-runtime-client-context'];
  return {
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    clientContext: client ? JSON.parse(client) : undefined,
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    const callback = (error, result) => (error ? reject(error) : resolve(result));
    Object.assign(context, { done: callback, succeed: resolve, fail: reject });
    const returned = handler(event, context, callback);
    if (returned && typeof returned.then === 'function') returned.then(resolve, reject);
    else if (handler.length < 3 && returned !== undefined) resolve(returned);
    else if (handler.length < 2) resolve(null);
  });
}

async function fail(route, title, error) {
  const description = described(error);
  const { errorType, errorMessage, trace } = description;
  log('ERROR', [title, JSON.stringify({ errorType, errorMessage, stack: trace })]);
  const type = { 'lambda-runtime-function-error-type': errorType };
  await call('POST', route, JSON.stringify(description), type);
}

async function serve(handler) {
  for (;;) {
    const { headers, body } = await call('GET', '/invocation/next');
    const context = contextOf(headers);
    requestId = context.awsRequestId;
    process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'] || '';
    const route = `/invocation/${requestId}`;
    try {
      const result = await run(handler, JSON.parse(body.toString() || 'null'), context);
      const text = JSON.stringify(result === undefined ? null : result);
      await call('POST', `${route}/response`, text);
    } catch (error) {
      await fail(`${route}/error`, 'Invoke Error', error);
    }
  }
}

function crash(error) {
  log('ERROR', ['Uncaught Exception', JSON.stringify(described(error))]);
  process.exit(129);
}
process.on('uncaughtException', crash);

try {
  await serve(await loadHandler());
} catch (error) {
  await fail('/init/error', 'Uncaught Exception', error);
  process.exit(1);
}
