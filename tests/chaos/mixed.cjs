// The Node half of MixedFleetTest: node mixed.cjs REDIS_PORT QUEUE add N | work | check N
//
// Job n of N has the id j<n>; its kind, and with that how it must end, follows from n. The handlers on both sides do what
// plugins/echo does: a member `fail` in the data fails the attempt, `sleepMs` is a pause, any other member is the
// result.
'use strict';

const { FlowProducer, Queue, Worker } = require('bullmq-6.7.0');
const IORedis = require('ioredis');
const { redisAt } = require('../support/redis.cjs');

const [port, name, action, total] = process.argv.slice(2);
const connection = redisAt(port);
const every = 250;
const rounds = 12;
const schedulers = ['tick', 'tock', 'tack'];

// The kinds of each ten jobs, in turn; families have three children.
function kindOf(n) {
  const kinds = ['plain', 'plain', 'delayed', 'prioritized', 'failing', 'retried', 'plain', 'lifo', 'slow', 'family'];
  return kinds[n % 10];
}
const familyFlags = [{}, { failParentOnFailure: true }, { ignoreDependencyOnFailure: true },
  { removeDependencyOnFailure: true }];

function plan(n) {
  const opts = { jobId: `j${n}` };
  const data = { n };
  let state = 'completed';
  switch (kindOf(n)) {
    case 'delayed': opts.delay = (n * 7) % 1500; break;
    case 'prioritized': opts.priority = 1 + (n % 5); break;
    case 'failing': data.fail = 'told to'; state = 'failed'; break;
    case 'retried':
      Object.assign(opts, { attempts: 3, backoff: { type: 'fixed', delay: n % 3 === 0 ? 0 : 50 } });
      data.fail = 'told to';
      state = 'failed';
      break;
    case 'lifo': opts.lifo = true; break;
    case 'slow': data.sleepMs = n % 40; break;
  }
  return { name: 'echo', data, opts, state };
}

function family(n) {
  const flag = familyFlags[Math.floor(n / 10) % familyFlags.length];
  const fails = Object.keys(flag).length > 0;
  const children = [0, 1, 2].map((k) => ({
    name: 'echo', queueName: name, data: k === 1 && fails ? { n, fail: 'told to' } : { n, k },
    opts: { jobId: `j${n}-${k}`, ...flag },
  }));
  return {
    flow: { name: 'echo', queueName: name, data: { n }, opts: { jobId: `j${n}` }, children },
    states: { [`j${n}`]: flag.failParentOnFailure ? 'failed' : 'completed', [`j${n}-0`]: 'completed',
      [`j${n}-1`]: fails ? 'failed' : 'completed', [`j${n}-2`]: 'completed' },
  };
}

async function add(count) {
  const queue = new Queue(name, { connection, streams: { events: { maxLen: 1000000 } } });
  const flows = new FlowProducer({ connection });
  for (const scheduler of schedulers) {
    await queue.upsertJobScheduler(scheduler, { every, limit: rounds }, { name: 'echo', data: { scheduler } });
  }
  for (let from = 0; from < count; from += 500) {
    const bulk = [];
    for (let n = from; n < Math.min(from + 500, count); ++n) {
      if (kindOf(n) === 'family') await flows.add(family(n).flow);
      else bulk.push(plan(n));
    }
    await queue.addBulk(bulk);
  }
  await flows.close();
  await queue.close();
}

function work() {
  const worker = new Worker(name, async (job) => {
    if (job.data.sleepMs) await new Promise((resolve) => setTimeout(resolve, job.data.sleepMs));
    if (job.data.fail) throw new Error(job.data.fail);
    return job.data;
  }, { connection, concurrency: 20, lockDuration: 2000, stalledInterval: 1000, maxStalledCount: 1000 });
  worker.on('error', () => {});
}

// Prints each mistake, a line each; nothing if all is right.
async function check(count) {
  const client = new IORedis(connection);
  const ends = new Map();
  for (const [, fields] of await client.xrange(`bull:${name}:events`, '-', '+')) {
    if (fields[1] === 'completed' || fields[1] === 'failed') ends.set(fields[3], (ends.get(fields[3]) ?? 0) + 1);
  }
  const expected = {};
  for (let n = 0; n < count; ++n) {
    if (kindOf(n) === 'family') Object.assign(expected, family(n).states);
    else expected[`j${n}`] = plan(n).state;
  }
  for (const [id, state] of Object.entries(expected)) {
    const [isCompleted, isFailed] = await Promise.all([client.zscore(`bull:${name}:completed`, id),
      client.zscore(`bull:${name}:failed`, id)]);
    const found = isCompleted && isFailed ? 'both' : isCompleted ? 'completed' : isFailed ? 'failed' : 'neither';
    if (found !== state) console.log(`${id}: ${found} instead of ${state}`);
    if (ends.get(id) !== 1) console.log(`${id}: ended ${ends.get(id) ?? 0} times`);
  }
  for (const scheduler of schedulers) {
    const prefix = `repeat:${scheduler}:`;
    const runs = [...ends.keys()].filter((id) => id.startsWith(prefix)).map((id) => Number(id.slice(prefix.length)))
      .sort((a, b) => a - b);
    if (runs.length !== rounds) console.log(`${scheduler}: ${runs.length} runs instead of ${rounds}`);
    for (let i = 1; i < runs.length; ++i) {
      if ((runs[i] - runs[i - 1]) % every !== 0) console.log(`${scheduler}: ${runs[i]} is off its slots`);
    }
    for (const run of runs) {
      if (ends.get(prefix + run) !== 1) console.log(`${prefix}${run}: ended ${ends.get(prefix + run)} times`);
    }
  }
  await client.quit();
}

({ add, work, check })[action](Number(total));
