// Random scripts of scheduler upserts, done by BullMQ 6.7.0 at moments of their own. See SchedulerDifferentialTest.cpp.
//
//   node scheduler-scripts.cjs REDIS_PORT SEED COUNT    does scripts SEED … SEED+COUNT-1, each on the queue s<seed>-node; one line
//                                                       each: {seed, paused, steps}
//
// A step is {at: ms, claim: true}, which makes the pending job active, {at, remove: true}, or {at, repeat, template}; the latter two
// have a result: a job id, "none", "refused", an error's code, or whether there was a scheduler.
//
// Left out is what Drover does otherwise (docs/wire-format.md): a change of the period without an offset, and a second upsert
// while the queue is paused, which misses a pending job in `wait`, and a pattern whose run may have a job that is not pending.
'use strict';

const { Queue } = require('bullmq-6.7.0');
const { queueTag, redisAt, serverClient } = require('../support/redis.cjs');

const [port, firstSeed, count] = process.argv.slice(2).map(Number);
const connection = redisAt(port);
const redis = serverClient();

let now = Date.now();
Date.now = () => now;

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

const periods = [1000, 7000, 60000, 3600000];
const patterns = ['*/10 * * * *', '0 9 * * 1-5', '30 2 L * *', '15 30 2 * 3,10 *', '0 0 * * 1#2'];
const zones = ['UTC', 'Europe/Madrid', 'Asia/Kolkata', 'America/New_York'];

function templateOf(random) {
  const opts = {};
  if (random.chance(0.4)) opts.attempts = 1 + random.below(4);
  if (random.chance(0.3)) opts.priority = 1 + random.below(5);
  if (random.chance(0.2)) opts.lifo = true;
  if (random.chance(0.3)) opts.backoff = random.pick([5, { type: 'exponential', delay: 9 }]);
  if (random.chance(0.3)) opts.keepLogs = 1 + random.below(5);
  if (random.chance(0.2)) opts.removeOnComplete = random.pick([true, 7, { age: 5, count: 2 }]);
  const template = {};
  if (random.chance(0.6)) template.name = random.pick(['mail', 'report']);
  if (random.chance(0.6)) template.data = random.pick([{ n: 1 }, [1, 'a/b'], 'żółw 🐢', {}]);
  if (Object.keys(opts).length > 0) template.opts = opts;
  return template;
}

function repeatOf(random, paused, present, patternsGo) {
  if (random.chance(0.3) && patternsGo) {
    const repeat = { pattern: random.pick(patterns), tz: random.pick(zones) };
    if (random.chance(0.3)) repeat.startDate = now + random.below(40 * 86400000);
    else if (!paused && random.chance(0.3)) repeat.immediately = true;
    if (random.chance(0.3)) repeat.limit = 1 + random.below(5);
    if (random.chance(0.3)) repeat.endDate = (repeat.startDate ?? now) + 1 + random.below(20 * 86400000);
    return repeat;
  }
  const same = present?.every && random.chance(0.6);
  const repeat = { every: same ? present.every : random.pick(periods) };
  if ((present && !same) || paused || random.chance(0.4)) repeat.offset = 1 + random.below(repeat.every - 1);
  if (random.chance(0.3)) repeat.startDate = now + 1 + random.below(5 * 86400000);
  if (random.chance(0.3)) repeat.limit = 1 + random.below(5);
  if (random.chance(0.3)) repeat.endDate = (repeat.startDate ?? now) + 86400000 + random.below(86400000);
  return repeat;
}

async function claim(name) {
  const prefix = `bull:${name}:`;
  const [, score] = await redis.zrange(`${prefix}repeat`, 0, 0, 'WITHSCORES');
  if (score === undefined) return;
  const id = `repeat:tick:${score}`;
  const left = await redis.lrem(`${prefix}wait`, 0, id) + await redis.zrem(`${prefix}delayed`, id) +
    await redis.zrem(`${prefix}prioritized`, id);
  if (left > 0) await redis.lpush(`${prefix}active`, id);
}

async function play(seed) {
  const random = generator(seed);
  const name = `${queueTag}s${seed}-node`;
  const queue = new Queue(name, { connection });
  const paused = random.chance(0.3);
  if (paused) await queue.pause();
  const steps = [];
  let present;
  let patternsGo = true;
  for (let n = 3 + random.below(8); n > 0; --n) {
    now += random.pick([0, 1, 500, 1000, 7000, 61000, 86400000]) + random.below(100);
    const step = { at: now };
    if (present && !paused && random.chance(0.15)) {
      step.claim = true;
      patternsGo = patternsGo && !present.pattern;
      await claim(name);
    } else if (present && (paused || random.chance(0.15))) {
      step.remove = true;
      step.result = await queue.removeJobScheduler('tick');
      present = undefined;
    } else {
      step.repeat = repeatOf(random, paused, present, patternsGo);
      step.template = templateOf(random);
      try {
        step.result = (await queue.upsertJobScheduler('tick', step.repeat, step.template))?.id ?? 'none';
      } catch (error) {
        step.result = error.code ?? 'refused';
      }
      if (typeof step.result === 'string' && step.result.startsWith('repeat:')) present = step.repeat;
    }
    steps.push(step);
  }
  await queue.close();
  console.log(JSON.stringify({ seed, paused, steps }));
}

(async () => {
  for (let seed = firstSeed; seed < firstSeed + count; ++seed) await play(seed);
})().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
