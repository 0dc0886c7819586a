// Jobs whose options and counters are of another JSON type than BullMQ's own, the same for every side that works them.
// See CompatOptionsTest.cpp.
//
//   node option-cases.cjs REDIS_PORT prepare VERSION SIDE   stores each case in its queue o<number>-<SIDE>; prints the queues
//   node option-cases.cjs REDIS_PORT work VERSION SIDE      works them with the worker of that BullMQ
//   node option-cases.cjs REDIS_PORT compare VERSION ONE OTHER   prints {about, problem} for each case that came out otherwise
//                                                           with OTHER, then how many were alike, and how many ONE broke
//
// Jobs are written past Queue.add, which checks options: the subject is a worker that meets the stored text. ONE is
// BullMQ's worker. Where it breaks the job (left active, in no state, or a script that ended half way), OTHER must
// not.
'use strict';

const { queueTag, redisAt, serverClient } = require('../support/redis.cjs');

const [port, action, version, side, otherSide] = process.argv.slice(2);
const connection = redisAt(port);
const redis = serverClient();

const odd = ['"2"', '" 2 "', '""', '"abc"', '"0x2"', '"true"', '"false"', 'true', 'false', 'null', '[]', '[2]', '[2,3]', '{}',
  '0', '-0', '1', '-1', '1.5', '2.5', '-2.5', '1e300', '-1e300', '5e-324', '"1e1"', '"Infinity"', '"-1"', '"1.5"'];

const cases = [];
// `opts`: JSON text of the job's options; `hash`: more fields; `meta`: fields of the queue's meta; `finished`: how many jobs
// are in the finished set already, 10,000 s apart, the newest 10,000 s old; `second`: another job waits behind.
const add = (about, one) => cases.push({ about, kind: 'fail', hash: {}, meta: {}, finished: 0, opts: '{}', ...one });

for (const value of odd) {
  add(`attempts ${value}`, { opts: `{"attempts":${value},"removeOnFail":1}` });
  add(`backoff ${value}`, { opts: `{"attempts":2,"backoff":${value}}` });
  add(`fixed backoff of ${value}`, { opts: `{"attempts":2,"backoff":{"type":"fixed","delay":${value}}}` });
  add(`exponential backoff of ${value}`,
    { opts: `{"attempts":3,"backoff":{"type":"exponential","delay":${value}}}`, hash: { atm: '1' } });
  add(`backoff of type ${value}`, { opts: `{"attempts":2,"backoff":{"type":${value},"delay":100000}}` });
  add(`lifo ${value}`, { opts: `{"attempts":2,"lifo":${value}}`, second: true });
  add(`priority ${value}`, { opts: `{"attempts":2,"priority":${value}}`, second: true });
  for (const [name, kind] of [['removeOnComplete', 'complete'], ['removeOnFail', 'fail']]) {
    add(`${name} ${value}`, { kind, opts: `{"${name}":${value}}`, finished: 5 });
    add(`${name} of count ${value}`, { kind, opts: `{"${name}":{"count":${value}}}`, finished: 5 });
    add(`${name} of age ${value}`, { kind, opts: `{"${name}":{"age":${value}}}`, finished: 5 });
    add(`${name} of age and count ${value}`, { kind, opts: `{"${name}":{"age":25000,"count":${value}}}`, finished: 5 });
    add(`${name} of limit ${value}`, { kind, opts: `{"${name}":{"age":0,"limit":${value}}}`, finished: 5 });
  }
  add(`kl ${value}`, { kind: 'log', opts: `{"kl":${value}}` });
  add(`stackTraceLimit ${value}`, { opts: `{"attempts":4,"stackTraceLimit":${value}}` });
}
for (const value of ['"2"', '"abc"', 'true', 'null', '[]', '{}', '-1', '2.5', '1e300']) {
  for (const name of ['delay', 'timestamp', 'jobId', 'sizeLimit', 'de', 'parent', 'repeat', 'fpof', 'cpof', 'rdof', 'idof', 'tm', 'omc',
    'keepLogs', 'prevMillis']) {
    add(`${name} ${value}`, { opts: `{"attempts":2,"${name}":${value},"backoff":700000}` });
  }
}
for (const jitter of ['"0.5"', 'true', '[]', '{}', 'null', '"abc"', '-1', '2']) {
  add(`jitter ${jitter}`, { opts: `{"attempts":2,"backoff":{"type":"fixed","delay":100000,"jitter":${jitter}}}`, jittered: true });
}
const oddText = ['2147483647', '2147483648', '1e308', '-1', '2.7', 'abc', '', ' 1', '0x2', '9007199254740993', '1e21', '99999999999999999999',
  'Infinity', 'NaN', '-0', '1e2'];
for (const text of oddText) {
  for (const field of ['atm', 'attemptsMade', 'ats', 'stc', 'stalledCounter', 'delay', 'priority', 'timestamp', 'processedOn']) {
    add(`field ${field} '${text}'`, { opts: '{"attempts":4}', hash: { [field]: text } });
    add(`field ${field} '${text}', with backoff`,
      { opts: '{"attempts":4,"backoff":{"type":"exponential","delay":100000}}', hash: { [field]: text } });
  }
  for (const field of ['concurrency', 'max', 'duration', 'opts.maxLenEvents']) {
    add(`meta ${field} '${text}'`, { kind: 'complete', meta: { [field]: text }, second: true });
  }
  add(`meta max 1 in duration '${text}'`, { kind: 'complete', meta: { max: '1', duration: text }, second: true });
  add(`meta max '${text}' in a minute`, { kind: 'complete', meta: { max: text, duration: '60000' }, second: true });
}
for (const text of ['2.25', '0.5', '0', '1']) {
  for (const field of ['concurrency', 'max']) {
    add(`meta ${field} '${text}'`, { kind: 'complete', meta: { [field]: text, duration: '60000' }, second: true });
  }
}
for (const age of ['15000', '"15000"', '25000.5', '"0x61a8"', '1e4']) {
  add(`removeOnComplete of age ${age}`, { kind: 'complete', opts: `{"removeOnComplete":{"age":${age}}}`, finished: 5 });
}
for (const opts of ['', 'null', '[]', '5', '"text"', 'true']) add(`opts ${opts}`, { opts, kind: 'fail' });
for (const opts of ['{"attempts":2,"attempts":3}', '{"attempts":2,"__proto__":{"attempts":5}}', '{"attempts":3,"kl":1,"keepLogs":2}']) {
  add(`opts ${opts}`, { opts, kind: 'log' });
}

const queueName = (n, of = side) => `${queueTag}o${n}-${of}`;
const keyOf = (n, suffix, of = side) => `bull:${queueName(n, of)}:${suffix}`;

async function prepare() {
  for (const [n, { kind, opts, hash, meta, finished, second }] of cases.entries()) {
    const key = (suffix) => keyOf(n, suffix);
    const pipeline = redis.pipeline();
    const now = Date.now();
    const fields = { name: kind, data: '{}', opts, timestamp: String(now), delay: '0', priority: '0', ...hash };
    pipeline.hset(key('1'), fields);
    pipeline.hset(key('meta'), { 'opts.maxLenEvents': '10000', version: `bullmq:${version}`, ...meta });
    for (let i = 1; i <= finished; ++i) {
      const set = kind === 'complete' ? 'completed' : 'failed';
      pipeline.hset(key(`old${i}`), { name: 'old', data: '{}', opts: '{}', timestamp: '1', finishedOn: String(now - i * 10000000) });
      pipeline.zadd(key(set), now - i * 10000000, `old${i}`);
    }
    pipeline.lpush(key('wait'), '1');
    if (second) {
      pipeline.hset(key('2'), { name: 'complete', data: '{}', opts: '{}', timestamp: String(now), delay: '0', priority: '0' });
      pipeline.lpush(key('wait'), '2');
    }
    pipeline.set(key('id'), '2');
    pipeline.zadd(key('marker'), 0, '0');
    await pipeline.exec();
    console.log(queueName(n));
  }
}

async function quiet(n) {
  for (let still = 0, before = ''; still < 4;) {
    const events = await redis.xrevrange(keyOf(n, 'events'), '+', '-', 'COUNT', 1);
    const now = JSON.stringify(events);
    still = now === before ? still + 1 : 0;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function work() {
  const { Worker } = require(`bullmq-${version}`);
  const process = async (job) => {
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (job.name === 'log') for (const row of ['a', 'b', 'c']) await job.log(row);
    if (job.name !== 'fail') return 'done';
    // The sixth time it would go on for ever.
    tries.set(job.queueQualifiedName, (tries.get(job.queueQualifiedName) ?? 0) + 1);
    if (tries.get(job.queueQualifiedName) > 5) return 'done';
    throw new Error('told to fail');
  };
  const tries = new Map();
  for (let from = 0; from < cases.length; from += 100) {
    await Promise.all(cases.slice(from, from + 100).map(async (_, i) => {
      const worker = new Worker(queueName(from + i), process, { connection });
      worker.on('error', () => {});
      await worker.waitUntilReady();
      await quiet(from + i);
      await worker.close(true);
    }));
  }
}

/** The end of job 1 (and 2) of a case: states, fields, logs, events; and whether the worker broke it. */
async function outcome(n, of, { jittered, second }) {
  const key = (suffix) => keyOf(n, suffix, of);
  // A delay is exact but for fractions, and for times that no clock reaches; moments differ.
  const plain = (text) => text.replace(/1[789][0-9]{11}(\.[0-9]+)?/g, 'TIME')
    .replace(/\b(2147483646|2147483647|2147483648|2147483649|[0-9]{14,}|[0-9.]+e\+?[0-9]{2,}|inf|Infinity)\b/g, 'HUGE');
  const what = { states: [], fields: [], events: [] };
  for (const suffix of ['wait', 'active']) {
    for (const id of await redis.lrange(key(suffix), 0, -1)) what.states.push(`${suffix} ${id}`);
  }
  for (const suffix of ['prioritized', 'delayed', 'completed', 'failed']) {
    for (const id of await redis.zrange(key(suffix), 0, -1)) what.states.push(`${suffix} ${id}`);
  }
  const hash = await redis.hgetall(key('1'));
  for (const field of ['atm', 'ats', 'stc', 'delay', 'failedReason', 'returnvalue', 'finishedOn']) {
    const value = field === 'delay' && jittered ? 'some' : hash[field];
    if (value !== undefined) what.fields.push(`${field}=${plain(value)}`);
  }
  if (hash.stacktrace) what.fields.push(`stacktrace of ${JSON.parse(hash.stacktrace).length}`);
  for (const row of await redis.lrange(key('1:logs'), 0, -1)) what.fields.push(`log ${row}`);
  for (const [, fields] of await redis.xrange(key('events'), '-', '+')) {
    let text = '';
    for (let i = 0; i < fields.length; i += 2) {
      text += ` ${fields[i]}=${fields[i] === 'delay' ? 'some' : fields[i + 1]}`;
    }
    // 5.48.1 has other words for the same retry.
    what.events.push(plain(text).replace('event=waiting jobId=1 prev=failed', 'event=waiting jobId=1 prev=active'));
  }
  const state = what.states.find((text) => text.endsWith(' 1'))?.split(' ')[0];
  const saw = (event) => what.events.some((text) => text.startsWith(` event=${event} `));
  const ended = saw('completed') || saw('failed');
  what.broken = state === 'active' || (state === undefined && hash.name !== undefined) ||
    (state === undefined && !ended) || (['completed', 'failed'].includes(state) && !saw(state)) ||
    // The last thing that a script does when a job ends, unless another one is left.
    (ended && !second && !what.events.some((text) => text.startsWith(' event=drained'))) ||
    /^(ERR|Missing key)/.test(hash.failedReason ?? '') ||
    (second && what.states.includes('wait 2') && what.states.includes('wait 1') && hash.ats !== undefined);
  return what;
}

/** The parts that are compared where the engine chose otherwise, see docs/job-options.md. */
function compared(about, { states, fields, events }) {
  // A delay in the past, or below a millisecond, is a retry at once.
  if (/backoff (of )?("-1"|-1|-2\.5|-1e300|5e-324)$/.test(about)) return { states, fields };
  // The oldest name of the counter: BullMQ reads it, counts in the other one, and so repeats for ever.
  if (/^field attemptsMade/.test(about)) return {};
  // Ages are whole seconds, and a share above 1 counts as 1.
  if (/of age 5e-324$/.test(about) || about === 'jitter 2') return {};
  // 5.48.1 does not have the limit of a retention rule, nor a queue's own rate limit.
  if (version === '5.48.1' && /of limit|^meta max/.test(about)) return {};
  // Whether the queue was empty for a moment in between depends on time.
  return { states, fields, events: events.filter((text) => !text.startsWith(' event=drained')) };
}

async function compare() {
  let alike = 0;
  let broken = 0;
  for (const [n, one] of cases.entries()) {
    const theirs = await outcome(n, side, one);
    const ours = await outcome(n, otherSide, one);
    const differ = JSON.stringify(compared(one.about, theirs)) !== JSON.stringify(compared(one.about, ours));
    // A setting that BullMQ cannot read stops its workers; here it counts as not given.
    const stopped = theirs.states.includes('wait 1') && !theirs.events.length && /^meta concurrency '(abc)?'$/.test(one.about);
    if (ours.broken) console.log(JSON.stringify({ about: one.about, problem: 'broken by us', ours }));
    else if (theirs.broken || stopped) ++broken;
    else if (differ) console.log(JSON.stringify({ about: one.about, problem: 'another outcome', theirs, ours }));
    else ++alike;
  }
  console.log(`${alike} alike, ${broken} broken by BullMQ`);
}

({ prepare, work, compare })[action]().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
