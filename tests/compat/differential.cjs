// Random scripts of adds, the same for every side that works them. See DifferentialTest.cpp.
//
//   node differential.cjs REDIS_PORT add SEED COUNT SIDE    adds script SEED … SEED+COUNT-1, each to the queues
//                                                           d<seed>-<SIDE> and d<seed>-<SIDE>-b; one line each:
//                                                           {seed, ordered, settings}
//   node differential.cjs REDIS_PORT work SEED COUNT SIDE   works them with BullMQ's own worker until nothing is left; three
//                                                           times, each time but the last followed by what promote does
//   node differential.cjs REDIS_PORT promote SEED COUNT SIDE   makes the schedulers' next jobs, which are far away, due now
//   node differential.cjs REDIS_PORT show SEED              prints what script SEED adds
//
// A script is `ordered` if nothing in it depends on how long something takes: then everything must come out in one order.
// A job's data has the act of its handler, see `handle`; DifferentialTest.cpp has the same behaviours.
'use strict';

const { DelayedError, FlowProducer, Queue, UnrecoverableError, WaitingChildrenError, WaitingError, Worker } =
  require('bullmq-6.7.0');
const { queueTag, redisAt } = require('../support/redis.cjs');

const [port, action, firstSeed, count, side] = process.argv.slice(2);
const connection = redisAt(port);
const seeds = Array.from({ length: Number(count ?? 1) }, (_, i) => Number(firstSeed) + i);

// mulberry32: a generator whose numbers depend on the seed alone.
function generator(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n) => Math.floor(next() * n);
  return { below, chance: (p) => next() < p, pick: (list) => list[below(list.length)] };
}

const keepRules = [true, false, 0, 1, 3, { count: 2 }, { age: 100 }, { age: 100, count: 1 }, { age: 0, limit: 1 }];
// Without a count: a parent that fails unrun may do so in the very millisecond of its child.
const keepFailedRules = [true, false, 0, { age: 100 }];
const values = [null, 7, 'text', 'with "quotes" / slash', [1, { a: 2 }], { ok: true, deep: [[]] }, 'żółw 🐢', 1e21, -0.5];

function behaviour(random, ordered, { inFlow = false } = {}) {
  const kinds = ['complete', 'complete', 'complete', 'fail', 'flaky', 'unrecoverable', 'report', 'update', 'wait'];
  if (!inFlow) kinds.push('children');
  if (!ordered) kinds.push('delay', 'limit');
  const kind = random.pick(kinds);
  const data = { kind, times: 1 + random.below(3), value: random.pick(values) };
  // Two of them whose order time decides would get each other's ids.
  if (kind === 'children' && !ordered) data.named = true;
  return data;
}

function options(random, ordered) {
  const opts = {};
  if (random.chance(0.5)) opts.attempts = 1 + random.below(4);
  if (random.chance(0.25)) opts.priority = 1 + random.below(5);
  if (random.chance(0.15)) opts.lifo = true;
  if (random.chance(0.2)) opts.stackTraceLimit = random.below(3);
  if (random.chance(0.2)) opts.keepLogs = 1 + random.below(2);
  if (!ordered) {
    if (random.chance(0.3)) opts.delay = random.below(40);
    if (random.chance(0.5)) {
      opts.backoff = random.pick([10, 0, { type: 'fixed', delay: 15 }, { type: 'exponential', delay: 5 },
        { type: 'fixed', delay: 20, jitter: 0.5 }, { type: 'own', delay: 3 }]);
    }
    // Which of several finished jobs are the newest depends on time: all or none.
    if (random.chance(0.2)) opts.removeOnComplete = random.pick([true, false]);
    if (random.chance(0.2)) opts.removeOnFail = random.pick([true, false]);
  } else {
    if (random.chance(0.3)) opts.removeOnComplete = random.pick(keepRules);
    if (random.chance(0.3)) opts.removeOnFail = random.pick(keepFailedRules);
  }
  return opts;
}

function flow(random, ordered, name, depth) {
  const flags = ['failParentOnFailure', 'ignoreDependencyOnFailure', 'removeDependencyOnFailure'];
  // Whether children are left when the parent goes on depends on time, unless all share a queue and its order.
  if (ordered) flags.push('continueParentOnFailure');
  const node = (level, root) => {
    const opts = { ...options(random, ordered), jobId: `${name}-${++made}` };
    if (!root && random.chance(0.6)) opts[random.pick(flags)] = true;
    // A delayed parent that its last child lets go waits once more, unless that child was removed: time decides which.
    if (level > 0) delete opts.delay;
    const one = { name: 'node', queue: ordered || random.chance(0.6) ? '' : '-b', opts,
      data: behaviour(random, ordered, { inFlow: true }) };
    if (level > 0) one.children = Array.from({ length: 1 + random.below(3) }, () =>
      node(random.chance(0.5) ? level - 1 : 0, false));
    return one;
  };
  let made = 0;
  return node(depth, true);
}

// At any time of the clock the first run is in the year 2100, or it is now and the next one far away.
const start = Date.UTC(2100, 0, 1);
const day = 24 * 3600 * 1000;

function scheduler(random, ordered) {
  const opts = options(random, ordered);
  delete opts.delay;
  const repeat = random.pick([
    () => ({ id: 'now', every: 40 * day }),
    () => ({ id: 'later', every: random.pick([day, 7000, 86399999]), startDate: start + random.below(9 * day) }),
    () => ({ id: 'cron', pattern: random.pick(['0 9 * * 1-5', '*/7 3-5 13 * 5', '30 2 L * *', '15 30 2 * 3,10 *', '0 0 29 2 *',
      '0 0 * * 1#2']), tz: random.pick(['UTC', 'Europe/Madrid', 'Asia/Kolkata', 'America/New_York']),
    startDate: start + random.below(400 * day) }),
  ])();
  if (random.chance(0.3)) repeat.limit = 1 + random.below(3);
  if (random.chance(0.2)) repeat.endDate = start + 450 * day;
  const { id, ...rest } = repeat;
  return { id, repeat: rest, template: { name: 'tick', data: behaviour(random, ordered), opts } };
}

function script(seed) {
  const random = generator(seed);
  const ordered = random.chance(0.5);
  const settings = {};
  if (random.chance(0.3)) settings.metrics = 1 + random.below(4);
  if (random.chance(0.15)) settings.maxStartedAttempts = 1 + random.below(3);
  if (random.chance(0.2)) settings.removeOnComplete = random.pick([{ count: 2 }, { age: 100 }, { count: 0 }]);
  if (random.chance(0.2)) settings.removeOnFail = random.pick([{ age: 100 }, { count: 0 }]);
  if (!ordered) {
    delete settings.removeOnComplete;
    delete settings.removeOnFail;
    if (random.chance(0.3)) settings.limiter = { max: 3, duration: 40 };
  }
  const steps = [];
  const ids = [];
  for (let n = 2 + random.below(12); n > 0; --n) {
    const opts = options(random, ordered);
    const job = { name: random.pick(['mail', 'report', 'a:b']), data: behaviour(random, ordered), opts };
    if (random.chance(0.2)) {
      // Sometimes one that is there already.
      opts.jobId = ids.length > 0 && random.chance(0.3) ? random.pick(ids) : `own-${n}`;
      ids.push(opts.jobId);
    } else if (random.chance(0.25)) {
      opts.deduplication = { id: random.pick(['x', 'y']) };
      if (random.chance(0.3)) opts.deduplication.ttl = 3600000;  // It ends during no test.
      if (random.chance(0.2)) opts.deduplication.extend = true;
      if (random.chance(0.2)) opts.deduplication.replace = true;
      if (random.chance(0.2)) opts.deduplication.keepLastIfActive = true;
    }
    if (random.chance(0.1)) {
      steps.push({ scheduler: scheduler(random, ordered) });
    } else if (random.chance(0.2)) {
      steps.push({ flow: flow(random, ordered, `flow${n}`, 1 + random.below(2)) });
    } else if (random.chance(0.2)) {
      steps.push({ bulk: [job, { ...job, opts: options(random, ordered) }] });
    } else {
      steps.push({ add: job });
    }
  }
  return { seed, ordered, settings, steps };
}

const queueName = (seed, suffix = '') => `${queueTag}d${seed}-${side}${suffix}`;

function placed(node, seed) {
  const { children, queue, ...rest } = node;
  const result = { ...rest, queueName: queueName(seed, queue) };
  if (children) result.children = children.map((child) => placed(child, seed));
  return result;
}

async function add() {
  const flows = new FlowProducer({ connection });
  for (const { steps, ...rest } of seeds.map(script)) {
    const queue = new Queue(queueName(rest.seed), { connection });
    for (const step of steps) {
      if (step.flow) await flows.add(placed(step.flow, rest.seed));
      else if (step.bulk) await queue.addBulk(step.bulk);
      else if (step.scheduler) {
        const { id, repeat, template } = step.scheduler;
        await queue.upsertJobScheduler(id, repeat, template);
      }
      else await queue.add(step.add.name, step.add.data, step.add.opts);
    }
    await queue.close();
    console.log(JSON.stringify(rest));
  }
  await flows.close();
}

async function handle(worker, job, token) {
  const { kind, times, value } = job.data;
  const first = job.attemptsStarted === 1;
  // No two end in one millisecond: their order would be undecided.
  await new Promise((resolve) => setTimeout(resolve, 2));
  switch (kind) {
    case 'fail': throw new Error(`failed attempt ${job.attemptsMade + 1}`);
    case 'flaky':
      if (job.attemptsMade < times) throw new Error(`flaky attempt ${job.attemptsMade + 1}`);
      return value;
    case 'unrecoverable': throw new UnrecoverableError('no attempt helps');
    case 'report':
      await job.updateProgress(value ?? 0);
      await job.log('row one');
      await job.log('row two');
      return value;
    case 'update':
      await job.updateData({ ...job.data, kind: 'complete' });
      return value;
    case 'wait':
      if (!first) return value;
      await job.moveToWait(token);
      throw new WaitingError();
    case 'delay':
      if (!first) return value;
      await job.moveToDelayed(Date.now() + 20, token);
      throw new DelayedError();
    case 'limit':
      if (!first) return value;
      await worker.rateLimit(20);
      throw Worker.RateLimitError();
    case 'children': {
      const { unprocessed, processed } = await job.getDependenciesCount();
      if (unprocessed + processed === 0) {
        for (let n = 0; n < times; ++n) {
          await worker.feeder.add('child', { kind: 'complete', value: n },
            { parent: { id: job.id, queue: job.queueQualifiedName },
              ...(job.data.named ? { jobId: `child-${n}-of-${job.id.replaceAll(':', '.')}` } : {}) });
        }
        if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
      }
      return Object.keys(await job.getChildrenValues()).length;
    }
    default: return value;
  }
}

// The jobs that are delayed once nothing else is left.
async function promote() {
  for (const seed of seeds) {
    const queue = new Queue(queueName(seed), { connection, skipMetasUpdate: true });
    await queue.promoteJobs();
    await queue.close();
  }
}

async function work() {
  const open = [];
  for (const { seed, settings } of seeds.map(script)) {
    for (const name of [queueName(seed), queueName(seed, '-b')]) {
      const { metrics, ...rest } = settings;
      const queue = new Queue(name, { connection, skipMetasUpdate: true });
      const worker = new Worker(name, (job, token) => handle(worker, job, token), {
        connection, concurrency: 1, ...rest, ...(metrics ? { metrics: { maxDataPoints: metrics } } : {}),
        settings: { backoffStrategy: (attemptsMade) => (attemptsMade > 2 ? -1 : attemptsMade * 4) },
      });
      worker.feeder = queue;
      worker.on('error', () => {});
      open.push({ queue, worker });
    }
  }
  const left = async ({ queue }) => {
    const n = await queue.getJobCounts('waiting', 'active', 'prioritized');
    const soon = await queue.getDelayedCount(Date.now() + day);
    return n.waiting + n.active + n.prioritized + soon;
  };
  for (let round = 0; round < 3; ++round) {
    if (round > 0) await promote();
    for (let idle = 0; idle < 3;) {
      const all = await Promise.all(open.map(left));
      idle = all.every((n) => n === 0) ? idle + 1 : 0;
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }
  await Promise.all(open.map(({ worker }) => worker.close()));
  await Promise.all(open.map(({ queue }) => queue.close()));
}

const actions = { add, work, promote, show: async () => console.log(JSON.stringify(script(Number(firstSeed)), null, 2)) };
actions[action]().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
