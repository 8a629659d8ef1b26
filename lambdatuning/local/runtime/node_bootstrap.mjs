// Starts a Node function: a Lambda runtime client (Runtime API 2018-06-01) without native parts.
//
// It does what AWS's own client does (aws-lambda-ric: 3.x up to nodejs22.x, 4.x from nodejs24.x on),
// which needs a compiler; tests/local/test_node_client.py holds the two against each other.
import { existsSync, readFileSync, writeSync } from 'node:fs';
import http from 'node:http';
import module, { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { format, types } from 'node:util';

const BASE = '/2018-06-01/runtime';
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const runtimeMajor = Number(/nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV)?.[1] ?? 22);
// From nodejs24.x on there are no callbacks, and nothing waits for an empty event loop.
const promisesOnly = runtimeMajor >= 24;

// --- console: a record of the logger is one event, however many lines it has (logs/printed.py)

const jsonLogs = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON';
const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const leastLevel = LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase());
const FRAME_TYPE = 0xa55a0003;
const REQUEST_ID = Symbol.for('aws.lambda.runtime.requestId');
const logDescriptor = Number(process.env._LAMBDA_TELEMETRY_LOG_FD);
delete process.env._LAMBDA_TELEMETRY_LOG_FD;
if (promisesOnly) globalThis[REQUEST_ID] = '-';

function writeRecord(text) {
  const message = Buffer.from(`${text}\n`);
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

function errorFields(error) {
  return {
    errorType: error.constructor?.name ?? 'UnknownError',
    errorMessage: error.message,
    stackTrace: typeof error.stack === 'string' ? error.stack.split('\n') : [],
  };
}

const plainErrors = (_key, value) =>
  value instanceof Error ? { ...errorFields(value), ...value } : value;

function jsonLine(level, values) {
  const line = { timestamp: new Date().toISOString(), level, requestId: globalThis[REQUEST_ID] };
  if (values.length === 1) {
    try {
      return JSON.stringify({ ...line, message: values[0] }, plainErrors);
    } catch {
      return JSON.stringify({ ...line, message: format(values[0]) });
    }
  }
  const error = values.find((value) => value instanceof Error);
  return JSON.stringify({ ...line, message: format(...values), ...(error && errorFields(error)) });
}

function log(level, values) {
  if (LEVELS.indexOf(level) < leastLevel) return;
  const text = () =>
    `${new Date().toISOString()}\t${globalThis[REQUEST_ID]}\t${level}\t${format(...values)}`;
  writeRecord(jsonLogs ? jsonLine(level, values) : text());
}

for (const name of ['trace', 'debug', 'info', 'warn', 'error']) {
  console[name] = (message, ...values) => log(name.toUpperCase(), [message, ...values]);
}
console.log = console.info;

function logError(title, cause) {
  const error = cause instanceof Error ? cause : new Error(cause);
  if (jsonLogs) return console.error(error);
  let shown;
  try {
    shown = JSON.stringify(error, (_key, value) => {
      if (!(value instanceof Error)) return value;
      const { name, message, code, stack } = value;
      const listed = { errorType: name, errorMessage: message, code, ...value };
      return typeof stack === 'string' ? { ...listed, stack: stack.split('\n') } : listed;
    });
  } catch {
    shown = JSON.stringify(described(error));
  }
  return console.error(title, `\t${shown}`);
}

// --- errors, as the Runtime API takes them

function described(error) {
  const shownAs = (text) => text?.replace(/\x7F/g, '%7F');
  const fields = error && ['name', 'message', 'stack'].every((key) => typeof error[key] === 'string');
  try {
    if (!types.isNativeError(error) && !(fields && error.name && error.message && error.stack)) {
      return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
    }
    return {
      errorType: shownAs(error.name),
      errorMessage: shownAs(error.message),
      trace: shownAs(error.stack).split('\n'),
    };
  } catch {
    return {
      errorType: 'handled',
      errorMessage: 'callback called with Error argument, but there was a problem while '
        + 'retrieving one or more of its message, name, and stack',
    };
  }
}

function named(name, message) {
  const error = new Error(message);
  const property = { value: `Runtime.${name}`, enumerable: promisesOnly };
  return Object.defineProperty(error, 'name', property);
}

function serialized(result) {
  try {
    return JSON.stringify(result === undefined ? null : result);
  } catch {
    const text = 'Unable to stringify response body';
    throw promisesOnly ? named('JSONStringifyError', text) : new Error(text);
  }
}

// --- the Runtime API

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

function postError(route, error) {
  const description = described(error);
  const type = { 'lambda-runtime-function-error-type': encodeURI(description.errorType ?? '') };
  return call('POST', route, JSON.stringify(description), type);
}

// --- the function's module

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

function requireFile(file) {
  return existsSync(file) ? createRequire(file)(file) : undefined;
}

async function importFile(file) {
  return existsSync(file) ? importModule(file) : undefined;
}

// Whether the nearest package.json, up to a node_modules, makes the .js files below it ES modules.
function isModuleFolder(folder) {
  const description = path.join(folder, 'package.json');
  if (existsSync(description)) {
    try {
      return JSON.parse(readFileSync(description, 'utf8'))?.type === 'module';
    } catch {
      return false;
    }
  }
  const above = path.dirname(folder);
  return above !== folder && path.basename(above) !== 'node_modules' && isModuleFolder(above);
}

async function loadModule(file) {
  const isModule = existsSync(`${file}.js`) && isModuleFolder(path.dirname(file));
  const loaded = (existsSync(file) && path.extname(file) === '' && requireFile(file))
    || (!isModule && (await requireOrImport(`${file}.js`)))
    || (isModule && (await importFile(`${file}.js`)))
    || (await importFile(`${file}.mjs`))
    || requireFile(`${file}.cjs`);
  if (loaded) return loaded;
  const from = createRequire(path.join(process.env.LAMBDA_TASK_ROOT, 'from.js'));
  return from(path.relative(process.env.LAMBDA_TASK_ROOT, file));
}

async function requireOrImport(file) {
  try {
    return requireFile(file);
  } catch (error) {
    // A .js file that is written as an ES module finds layers and the SDK by its import alone.
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return importModule(file);
  }
}

// Only here can it be missing: Lambda's own Node.js runtimes bring it along.
function sdkAdvice(message) {
  const [, name] = /'(@aws-sdk\/[^'/]+)/.exec(message) || [];
  return name ? `; this node has no AWS SDK: npm install --global ${name}, or use a layer` : '';
}

async function loadHandler() {
  const given = process.env._HANDLER;
  if (given.includes('..')) {
    throw named('MalformedHandlerName', `'${given}' is not a valid handler name. `
      + 'Use absolute paths when specifying root directories in handler names.');
  }
  const name = path.basename(given);
  const dot = name.indexOf('.');
  if (dot < 0) throw named('MalformedHandlerName', 'Bad handler');
  const folder = given.slice(0, given.length - name.length);
  const file = path.resolve(process.env.LAMBDA_TASK_ROOT, folder, name.slice(0, dot));
  let loaded;
  try {
    loaded = await loadModule(file);
  } catch (error) {
    if (error instanceof SyntaxError) throw named('UserCodeSyntaxError', String(error));
    const advice = sdkAdvice(error?.message ?? '');
    if (error?.code === 'MODULE_NOT_FOUND') throw named('ImportModuleError', `${error}${advice}`);
    if (advice) error.message += advice;
    throw error;
  }
  const handler = name.slice(dot + 1).split('.').reduce((inner, key) => inner && inner[key], loaded);
  if (!handler) throw named('HandlerNotFound', `${given} is undefined or not exported`);
  if (typeof handler !== 'function') throw named('HandlerNotFound', `${given} is not a function`);
  return handler;
}

// --- invocations

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
// What to do once the event loop is empty.
let whenIdle = () => {};
// Where an error goes that nobody catches; {} before the first invocation.
let invocation = {};

function contextOf(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const parsed = (text) => (text ? JSON.parse(text) : undefined);
  return {
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed(headers['lambda-runtime-client-context']),
    identity: parsed(headers['lambda-runtime-cognito-identity']),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

async function nextInvocation() {
  const { headers, body } = await call('GET', '/invocation/next');
  const context = contextOf(headers);
  globalThis[REQUEST_ID] = context.awsRequestId;
  if (headers['lambda-runtime-trace-id']) {
    process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
  } else {
    delete process.env._X_AMZN_TRACE_ID;
  }
  const route = `/invocation/${context.awsRequestId}`;
  invocation = { route };
  return { context, route, text: body.toString() };
}

// How an invocation of the older runtimes may end: a callback, a promise, context.done and its kin,
// or, without any, an empty event loop. The first of them counts.
function endings(route, context) {
  let finished = false;
  let posted = false;
  let waits = true;
  const goOn = () => setImmediate(serveOnce);
  const post = (sending) => sending.then(goOn, crash);
  const complete = (result) => {
    if (posted) {
      console.error('Invocation has already been reported as done. '
        + 'Cannot call complete more than once per invocation.');
      return;
    }
    posted = true;
    post(call('POST', `${route}/response`, serialized(result)));
  };
  const failWith = (error) => {
    logError('Invoke Error', error);
    post(postError(`${route}/error`, error));
  };
  const isGiven = (error) => error !== undefined && error !== null;
  const first = (ending) => (...values) => {
    if (finished) return;
    ending(...values);
    finished = true;
  };
  const end = (error, result) => {
    whenIdle = () => {};
    if (isGiven(error)) failWith(error);
    else complete(result);
  };
  const callback = (error, result) => {
    whenIdle = () => {};
    if (isGiven(error)) failWith(error);
    else if (waits) whenIdle = () => setImmediate(() => complete(result));
    else complete(result);
  };
  Object.defineProperty(context, 'callbackWaitsForEmptyEventLoop', {
    get: () => waits,
    set: (value) => { waits = value; },
    enumerable: true,
    configurable: true,
  });
  context.done = first(end);
  context.succeed = first((result) => end(null, result));
  context.fail = first((error) => end(isGiven(error) ? error : 'handled', null));
  whenIdle = () => complete(null);
  return first(callback);
}

const isPromise = (value) => Boolean(value) && typeof value.then === 'function';

async function serveWithCallbacks(handler) {
  const { context, route, text } = await nextInvocation();
  const callback = endings(route, context);
  try {
    const result = handler(JSON.parse(text), context, callback);
    if (isPromise(result)) {
      result.then(context.succeed, context.fail).catch(context.fail);
    }
  } catch (error) {
    callback(error);
  }
}

async function servePromise(handler) {
  const { context, route, text } = await nextInvocation();
  try {
    await call('POST', `${route}/response`, serialized(await handler(JSON.parse(text), context)));
  } catch (error) {
    logError('Invoke Error', error);
    await postError(`${route}/error`, error);
  }
  setImmediate(serveOnce);
}

// --- response streams: sent in chunks, which an Invoke that buffers gets as one

function openStream(route) {
  let answered;
  const answer = new Promise((resolve, reject) => { answered = { resolve, reject }; });
  answer.catch(() => {});
  const stream = http.request({
    host, port, method: 'POST', path: `${BASE}${route}/response`, agent,
    headers: {
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      'Transfer-Encoding': 'chunked',
      Trailer: ['Lambda-Runtime-Function-Error-Type', 'Lambda-Runtime-Function-Error-Body'],
      'Content-Type': 'application/octet-stream',
    },
  }, (response) => response.resume().on('end', answered.resolve));
  stream.on('error', answered.reject);
  let isWritten = false;
  const write = stream.write.bind(stream);
  stream.setContentType = (type) => {
    if (isWritten) throw named('InvalidStreamingOperation', 'Cannot set content-type, too late.');
    stream.setHeader('Content-Type', type);
  };
  stream.write = (chunk, ...rest) => {
    const isRaw = typeof chunk === 'string' || chunk instanceof Uint8Array;
    if (!isWritten && typeof stream._onBeforeFirstWrite === 'function') {
      stream._onBeforeFirstWrite((part) => write(part));
    }
    isWritten = true;
    return write(isRaw ? chunk : JSON.stringify(chunk), ...rest);
  };
  return { stream, answer };
}

async function serveStream(handler) {
  const { context, route, text } = await nextInvocation();
  const { stream, answer } = openStream(route);
  let waits = true;
  Object.defineProperty(context, 'callbackWaitsForEmptyEventLoop', {
    get: () => waits, set: (value) => { waits = value; }, enumerable: true,
  });
  whenIdle = () => setImmediate(serveOnce);
  const goOn = () => {
    whenIdle = () => {};
    if (waits && !promisesOnly) whenIdle = () => setImmediate(serveOnce);
    else setImmediate(serveOnce);
  };
  try {
    const running = handler(JSON.parse(text), stream, context);
    if (!isPromise(running)) throw 'Streaming does not support non-async handlers.';
    if ((await running) !== undefined) console.warn('Streaming handlers ignore return values.');
    if (!stream.writableEnded) throw 'Response stream is not finished.';
    await answer;
  } catch (error) {
    logError('Invoke Error', error);
    const description = described(error);
    stream.addTrailers({
      'Lambda-Runtime-Function-Error-Type': description.errorType,
      'Lambda-Runtime-Function-Error-Body':
        Buffer.from(JSON.stringify(description)).toString('base64'),
    });
    stream.end();
    await answer;
  }
  goOn();
}

globalThis.awslambda = {
  streamifyResponse(handler) {
    handler[STREAMING] = 'response';
    return handler;
  },
  HttpResponseStream: class {
    static from(stream, prelude) {
      stream.setContentType('application/vnd.awslambda.http-integration-response');
      stream._onBeforeFirstWrite = (write) => {
        write(JSON.stringify(prelude));
        write(new Uint8Array(8));
      };
      return stream;
    }
  },
};

// --- what nobody catches

async function endWith(code, error) {
  try {
    await postError(invocation.route ? `${invocation.route}/error` : '/init/error', error);
  } finally {
    process.exit(code);
  }
}

function crash(error) {
  logError('Uncaught Exception', error);
  return endWith(129, error);
}

function crashOfRejection(reason, promise) {
  const error = Object.assign(named('UnhandledPromiseRejection', String(reason)), { reason, promise });
  logError('Unhandled Promise Rejection', error);
  return endWith(128, error);
}

let serveOnce = () => {};

if (!promisesOnly) {
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crashOfRejection);
  process.on('beforeExit', () => whenIdle());
}

try {
  const handler = await loadHandler();
  if (promisesOnly && handler.length >= 3 && !handler[STREAMING]) {
    throw named('CallbackHandlerDeprecated', 'ERROR: AWS Lambda has removed support for '
      + 'callback-based function handlers starting with Node.js 24. You need to modify this '
      + 'function to use a supported handler signature to use Node.js 24 or later. For more '
      + 'information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.');
  }
  const serve = handler[STREAMING] ? serveStream : promisesOnly ? servePromise : serveWithCallbacks;
  serveOnce = () => serve(handler).catch(crash);
  setImmediate(serveOnce);
} catch (error) {
  logError(promisesOnly ? 'Init Error' : 'Uncaught Exception', error);
  if (!promisesOnly) await endWith(129, error);
  await postError('/init/error', error);
  throw error;
}
