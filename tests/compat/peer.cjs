// Real BullMQ behind a pipe: node peer.cjs VERSION REDIS_PORT
//
// One JSON object per line on stdin, {"id": int, "op": string, ...arguments}; one per line on stdout, in the order in
// which the calls end: {"id": int, "value": any} or {"id": int, "error": {"message", "name", "code"?}}. Calls overlap: a
// waitUntilFinished that hangs holds up nothing else. Ends with its stdin, so that it never outlives the test. A request with
// "now" stops the peer's clock at that time, in ms, until the next such request or close.
//
//   queue.open       queue, opts?                    only needed for options; every other call opens the queue itself
//   queue.METHOD     queue, args: [...]              any method of BullMQ's Queue: add, addBulk, getJob, getJobCounts,
//                                                    getJobs, getJobState, isPaused, pause, resume, getWorkers, getMetrics …
//   job.METHOD       queue, job, args: [...]         any method of the Job that getJob(job) gives
//   job.json         queue, job                      JSON.stringify(job) as a string, byte for byte; null if no such job
//   job.waitUntilFinished   queue, job, ttl?
//   flow.add         args: [flow]                    FlowProducer.add; the parent's id
//   flow.get         args: [opts]                    JSON.stringify(FlowProducer.getFlow) as a string
//   worker.start     worker, queue, opts?, behaviours: {JOB NAME or "*": behaviour}
//   worker.claim     worker, token                   moves a job to active without running it, even if the worker was limited
//                                                    before; its id or null
//   worker.job       worker, job, method, args: [...]  any method of the Job as the worker has it: moveToCompleted,
//                                                    moveToFailed …
//   worker.METHOD    worker, args: [...]             any method of BullMQ's Worker: pause, resume, close, isRunning …
//   worker.seen      worker, event?                  [{event, jobId, ...}] so far, in order
//   worker.wait      worker, event, job?, timeoutMs? the first such event, past or to come
//   worker.release   worker, value?                  ends one job of behaviour "hold"; false if none is held
//   events.subscribe queue, opts?                    resolves once XREAD is about to be sent
//   events.seen      queue, event?, job?             [{event, id (of the stream entry), ...fields}] so far, in order
//   events.wait      queue, event, job?, timeoutMs?  the first such event, past or to come
//   keys.dump        queue, prefix?                  {suffix: {type, value, ttlMs}} of every key of the queue, sorted
//   keys.call        args: ["HGETALL", "key"]        any Redis command
//   board.routes     queues                          [{method, route}] of Bull Board
//   cron.cases       seed, count                     what BullMQ's cron-parser makes of random patterns, see cron-cases.cjs
//   cron.next        args: [base, opts.repeat]       when BullMQ would run a scheduler next: ms, "none" or "refused"
//   board.call       queues, method, route, params?, query?, body?   {status, body}: what Bull Board answers to a request of
//                                                    its page; status 500 with the message for what it throws
//   producing.script seed                            a script of producing.cjs
//   producing.play   base, steps                     does its steps on the empty queues <base> and <base>-b; {results, markers, ids}
//   producing.act    base, step                      does one step
//   producing.clear  base                            forgets the jobs that it holds
//   monitor.start                                    every command that the server gets from now on
//   monitor.seen     command                         [[name, arguments...]] of that command up to this call, in order
//   close                                            closes and forgets all, as if the peer were new
//
// Behaviours: {"do": "echo"} returns the data · {"do": "return", "value"} · {"do": "fail", "times"?, "message"?} fails the
// first `times` attempts (default all), then echoes · {"do": "unrecoverable", "message"?} · {"do": "sleep", "ms"} then echoes
// · {"do": "hold"} waits for worker.release · {"do": "delay", "ms"} moves itself to delayed once, then echoes
// · {"do": "progress", "value"} reports progress, then echoes · {"do": "children"} returns the values of its children.
'use strict';

const net = require('node:net');
const readline = require('node:readline');

const [version, port] = process.argv.slice(2);
const bullmq = require(`bullmq-${version}`);
const { FlowProducer, Job, Queue, QueueEvents, Worker, UnrecoverableError, DelayedError, defaultRepeatStrategy } = bullmq;
const { cases } = require('./cron-cases.cjs');
const { Player, scriptOf } = require('./producing.cjs');
const { redisAt, server, serverClient } = require('../support/redis.cjs');

const connection = redisAt(port);
const queues = new Map();
const workers = new Map();
const subscriptions = new Map();
const redis = serverClient();

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const quiet = (emitter) => emitter.on('error', () => {});  // Node ends the process on an unheard error event.

function queueOf({ queue, opts }) {
  if (!queues.has(queue)) queues.set(queue, quiet(new Queue(queue, { connection, ...opts })));
  return queues.get(queue);
}

async function jobOf(request) {
  const job = await queueOf({ queue: request.queue }).getJob(String(request.job));
  if (!job) throw new Error(`no job ${request.job} in ${request.queue}`);
  return job;
}

/** Stores the events of an emitter as records. */
class Journal {
  records = [];
  waiting = [];

  add(record) {
    this.records.push(record);
    this.waiting = this.waiting.filter(({ matches, resolve }) => !matches(record) || (resolve(record), false));
  }

  static filter({ event, job }) {
    return (record) => (event === undefined || record.event === event) && (job === undefined || record.jobId === String(job));
  }

  seen(request) {
    return this.records.filter(Journal.filter(request));
  }

  wait(request) {
    const past = this.seen(request)[0];
    if (past) return past;
    return new Promise((resolve, reject) => {
      const ms = request.timeoutMs ?? 10000;
      const timer = setTimeout(
        () => reject(new Error(`no event ${request.event} of job ${request.job ?? '*'} within ${ms} ms`)), ms);
      this.waiting.push({
        matches: Journal.filter(request),
        resolve: (record) => { clearTimeout(timer); resolve(record); },
      });
    });
  }
}

function processor(behaviours, held) {
  return async (job, token) => {
    const behaviour = behaviours[job.name] ?? behaviours['*'] ?? { do: 'echo' };
    const message = behaviour.message ?? 'told to fail';
    switch (behaviour.do) {
      case 'echo': return job.data;
      case 'return': return behaviour.value;
      case 'fail':
        if (job.attemptsMade < (behaviour.times ?? Infinity)) throw new Error(message);
        return job.data;
      case 'unrecoverable': throw new UnrecoverableError(message);
      case 'sleep': await sleep(behaviour.ms); return job.data;
      case 'hold': return new Promise((resolve) => held.push((value) => resolve(value ?? job.data)));
      case 'delay':
        if (job.attemptsStarted > 1) return job.data;
        await job.moveToDelayed(Date.now() + behaviour.ms, token);
        throw new DelayedError();
      case 'progress': await job.updateProgress(behaviour.value); return job.data;
      case 'children': return job.getChildrenValues();
      default: throw new Error(`behaviour '${behaviour.do}' is unknown`);
    }
  };
}

function startWorker({ worker: name, queue, opts, behaviours }) {
  if (workers.has(name)) throw new Error(`worker ${name} was started already`);
  const held = [];
  const journal = new Journal();
  const worker = quiet(new Worker(queue, processor(behaviours ?? {}, held), { connection, ...opts }));
  worker.on('active', (job) => journal.add({ event: 'active', jobId: job.id, attemptsStarted: job.attemptsStarted }));
  worker.on('completed', (job, value) => journal.add({ event: 'completed', jobId: job.id, value }));
  worker.on('failed', (job, error) =>
    journal.add({ event: 'failed', jobId: job?.id, reason: error.message, attemptsMade: job?.attemptsMade }));
  worker.on('stalled', (jobId) => journal.add({ event: 'stalled', jobId }));
  worker.on('drained', () => journal.add({ event: 'drained' }));
  worker.on('error', (error) => journal.add({ event: 'error', reason: error.message }));
  workers.set(name, { worker, held, journal });
  return worker.waitUntilReady().then(() => true);
}

function workerOf({ worker }) {
  if (!workers.has(worker)) throw new Error(`no worker ${worker}`);
  return workers.get(worker);
}

function subscriptionOf({ queue }) {
  if (!subscriptions.has(queue)) throw new Error(`no subscription to the events of ${queue}`);
  return subscriptions.get(queue);
}

async function subscribe({ queue, opts }) {
  const journal = new Journal();
  // '$' means "from now on" and would be resolved when the server reads the command: events between this answer and
  // that moment would be lost. The id of the last entry of now is exact.
  const prefix = opts?.prefix ?? 'bull';
  const [last] = await redis.xrevrange(`${prefix}:${queue}:events`, '+', '-', 'COUNT', 1);
  const events = quiet(new QueueEvents(queue, { connection, lastEventId: last ? last[0] : '0-0', ...opts }));
  // Every event passes through emit once under its plain name; the second time it carries ":<job id>".
  const emit = events.emit.bind(events);
  events.emit = (event, ...args) => {
    const [fields, id] = typeof args[0] === 'string' ? [{}, args[0]] : args;
    if (event === 'error') journal.add({ event, reason: String(args[0]?.message) });
    else if (typeof id === 'string' && !event.includes(':')) journal.add({ ...fields, event, id });
    return emit(event, ...args);
  };
  subscriptions.set(queue, { events, journal });
  await events.waitUntilReady();
  return true;
}

const pairs = (flat) => Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]);
const sorted = (entries) => Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));

async function valueOf(key, type) {
  switch (type) {
    case 'string': return redis.get(key);
    case 'list': return redis.lrange(key, 0, -1);
    case 'set': return (await redis.smembers(key)).sort();
    case 'hash': return sorted(Object.entries(await redis.hgetall(key)));
    case 'zset': return pairs(await redis.zrange(key, 0, -1, 'WITHSCORES'));
    case 'stream': return (await redis.xrange(key, '-', '+')).map(([id, fields]) => [id, pairs(fields)]);
    default: throw new Error(`key ${key} has type ${type}`);
  }
}

async function dump({ queue, prefix = 'bull' }) {
  const start = `${prefix}:${queue}:`;
  const escaped = start.replace(/[\\*?[\]]/g, '\\$&');
  const found = [];
  for await (const keys of redis.scanStream({ match: `${escaped}*`, count: 1000 })) found.push(...keys);
  const entries = await Promise.all([...new Set(found)].map(async (key) => {
    const type = await redis.type(key);
    return [key.slice(start.length), { type, value: await valueOf(key, type), ttlMs: await redis.pttl(key) }];
  }));
  return sorted(entries.filter(([, { type }]) => type !== 'none'));
}

async function withProducer(act) {
  const producer = quiet(new FlowProducer({ connection }));
  try {
    return await act(producer);
  } finally {
    await producer.close();
  }
}

// Bull Board without a browser: its own handlers behind its table of routes, with BullMQ of this version.
let board;

function boardOf(names) {
  const missing = names.filter((name) => !board?.names.has(name));
  if (missing.length === 0) return board;
  const Module = require('node:module');
  const resolve = Module._resolveFilename;
  Module._resolveFilename = (name, ...rest) =>
    resolve.call(Module, name === 'bullmq' ? `bullmq-${version}` : name, ...rest);
  const { createBullBoard } = require('@bull-board/api');
  const { BullMQAdapter } = require('@bull-board/api/bullMQAdapter');
  Module._resolveFilename = resolve;
  const all = [...(board?.names ?? []), ...missing];
  board = { names: new Set(all) };
  const serverAdapter = new Proxy({}, {
    get: (_target, setter) => (value) => { board[setter] = value; return serverAdapter; },
  });
  createBullBoard({
    queues: all.map((queue) => new BullMQAdapter(queueOf({ queue }))),
    serverAdapter,
    options: { validateResponses: true },
  });
  return board;
}

async function callBoard({ queues: names, method, route, params = {}, query = {}, body = {} }) {
  const { setApiRoutes: routes, setQueues: known, setErrorHandler: onError } = boardOf(names);
  const found = routes.find((one) => one.method === method && one.route === route);
  if (!found) throw new Error(`Bull Board has no route ${method} ${route}`);
  try {
    const result = await found.handler({ queues: known, uiConfig: {}, params, query, body, headers: {} });
    return { status: result.status ?? 200, body: result.body };
  } catch (error) {
    return onError(error);
  }
}

const players = new Map();

function playerOf({ base }) {
  if (!players.has(base)) players.set(base, new Player(bullmq, connection, redis, base));
  return players.get(base);
}

let monitor;
let commands = [];

// Not ioredis's own: it ends the process when a line of the monitor comes in one chunk with the answer to MONITOR.
async function startMonitor() {
  monitor = net.connect(server);
  const lines = readline.createInterface({ input: monitor });
  monitor.write('MONITOR\r\n');
  await new Promise((resolve, reject) => {
    monitor.once('error', reject);
    lines.on('line', (line) => {
      if (line === '+OK') return resolve();
      // +<time> [<database> <address>] "COMMAND" "argument" …
      const args = line.match(/"(?:[^"\\]|\\.)*"/g) ?? [];
      commands.push(args.map((arg) => arg.slice(1, -1).replace(/\\(["\\])/g, '$1')));
    });
  });
  return true;
}

// The monitor has a socket of its own: what the server did before this call may arrive there after it.
async function monitored(command) {
  const mark = `monitored ${commands.length}`;
  await redis.call('ECHO', mark);
  while (!commands.some(([name, text]) => name.toUpperCase() === 'ECHO' && text === mark)) await sleep(1);
  return commands.filter(([name]) => name.toUpperCase() === command);
}

const MachineDate = Date;

function stopClock({ now }) {
  globalThis.Date = class extends MachineDate {
    constructor(...args) { super(...(args.length > 0 ? args : [now])); }
    static now() { return now; }
  };
}

async function closeAll() {
  globalThis.Date = MachineDate;
  await Promise.allSettled([...workers.values()].map(({ worker }) => worker.close(true)));
  await Promise.allSettled([...subscriptions.values()].map(({ events }) => events.close()));
  await Promise.allSettled([...queues.values()].map((queue) => queue.close()));
  for (const map of [workers, subscriptions, queues]) map.clear();
  board = undefined;
  monitor?.destroy();
  [monitor, commands] = [undefined, []];
  return true;
}

const operations = {
  'queue.open': async (request) => (await queueOf(request).waitUntilReady(), true),
  'job.json': async (request) => {
    const job = await queueOf({ queue: request.queue }).getJob(String(request.job));
    return job ? JSON.stringify(job) : null;
  },
  'job.waitUntilFinished': async (request) =>
    (await jobOf(request)).waitUntilFinished(subscriptionOf(request).events, request.ttl),
  'flow.add': ({ args }) => withProducer(async (producer) => (await producer.add(...args)).job.id),
  'flow.get': ({ args }) => withProducer(async (producer) => JSON.stringify(await producer.getFlow(...args)) ?? null),
  'worker.start': startWorker,
  'worker.seen': (request) => workerOf(request).journal.seen(request),
  'worker.wait': (request) => workerOf(request).journal.wait(request),
  'worker.release': (request) => {
    const release = workerOf(request).held.shift();
    release?.(request.value);
    return release !== undefined;
  },
  'worker.claim': async (request) => {
    const { worker } = workerOf(request);
    worker.limitUntil = 0;  // The worker's memory of its last claim; the limit itself is in Redis.
    return (await worker.getNextJob(request.token, { block: false }))?.id ?? null;
  },
  'worker.job': async (request) => {
    const { worker } = workerOf(request);
    const job = await Job.fromId(worker, String(request.job));
    if (!job) throw new Error(`no job ${request.job}`);
    return job[request.method](...request.args);
  },
  'worker.close': async (request) => {
    await workerOf(request).worker.close(...(request.args ?? []));
    return workers.delete(request.worker);
  },
  'events.subscribe': subscribe,
  'events.seen': (request) => subscriptionOf(request).journal.seen(request),
  'events.wait': (request) => subscriptionOf(request).journal.wait(request),
  'keys.dump': dump,
  'keys.call': ({ args }) => redis.call(...args.map(String)),
  'board.call': callBoard,
  'board.routes': ({ queues: names }) =>
    boardOf(names).setApiRoutes.map(({ method, route }) => ({ method, route })),
  'cron.cases': ({ seed, count }) => {
    const folder = require.resolve(`bullmq-${version}`);
    const { CronExpressionParser, parseExpression } = require(require.resolve('cron-parser', { paths: [folder] }));
    return cases(CronExpressionParser ?? { parse: parseExpression }, seed, count);
  },
  'cron.next': ({ args }) => {
    try {
      return defaultRepeatStrategy(...args) ?? 'none';
    } catch {
      return 'refused';
    }
  },
  'producing.script': ({ seed }) => scriptOf(seed),
  'producing.play': (request) => playerOf(request).play(request.steps),
  'producing.act': (request) => playerOf(request).act(request.step),
  'producing.clear': (request) => (playerOf(request).clear(), true),
  'monitor.start': startMonitor,
  'monitor.seen': ({ command }) => monitored(command),
  close: closeAll,
};

async function targetOf(kind, request) {
  switch (kind) {
    case 'queue': return queueOf({ queue: request.queue });
    case 'job': return jobOf(request);
    case 'worker': return workerOf(request).worker;
    default: return undefined;
  }
}

async function perform(request) {
  if (request.now !== undefined) stopClock(request);
  if (operations[request.op]) return operations[request.op](request);
  const [kind, method] = request.op.split('.');
  const target = await targetOf(kind, request);
  if (typeof target?.[method] !== 'function') throw new Error(`operation '${request.op}' is unknown`);
  return target[method](...(request.args ?? []));
}

const answer = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const input = readline.createInterface({ input: process.stdin });
input.on('line', (line) => {
  const request = JSON.parse(line);
  perform(request).then(
    (value) => answer({ id: request.id, value: value ?? null }),
    (error) => answer({ id: request.id, error: { message: error.message, name: error.name, code: error.code } }));
});
// BullMQ's own close may wait for a server that is gone: the end of the test is the end of the peer.
input.on('close', () => process.exit(0));
answer({ id: 0, value: { version, node: process.versions.node } });
