// Random scripts of what producers and operators do, and BullMQ's way to do them. See ProducingDifferentialTest.cpp.
//
// A script is {seed, kind, steps}; a step is {do, queue, ...}, where `do` is a method of Player and `queue` a suffix. `as`
// names the job that a step adds; `job` is such a name, or '@' and a state: its first job at that moment. All moments are far
// from now, or whole hours away from it.
'use strict';

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

const hour = 3600000;
const day = 24 * hour;
const longAgo = 1500000000000;
const farAway = Date.UTC(2100, 0, 1);
const keepRules = [true, false, 0, 1, 3, { count: 2 }, { age: 100 }, { age: 100, count: 1 }, { age: 0, limit: 1 }];
const values = [null, 7, 'text', 'with "quotes" / slash', [1, { a: 2 }], { ok: true, deep: [[1]] }, 'żółw 🐢', 1e21, -0.5];
const flags = ['failParentOnFailure', 'continueParentOnFailure', 'ignoreDependencyOnFailure', 'removeDependencyOnFailure'];
const states = ['completed', 'failed', 'wait', 'delayed', 'prioritized', 'active'];

function scriptOf(seed) {
  const random = generator(seed);
  const { below, chance, pick } = random;
  // Defects of BullMQ: obliterate leaves waiting-children and limiter (docs/wire-format.md#maintenance); a scheduler's job in `wait`
  // is lost by drain, and left by an upsert in a paused queue.
  const kind = pick(['flows', 'flows', 'flows in one queue', 'flows and schedulers', 'schedulers', 'obliterate']);
  const [hasFlows, hasSchedulers] = ['flows', 'schedulers'].map((word) => kind.includes(word));
  // In a list, drain and clean begin with the oldest job here, and with the newest in BullMQ: parents in the other queue run in
  // that order.
  const isAcross = hasFlows && kind !== 'flows in one queue';
  const hasObliterate = kind === 'obliterate';
  const jobs = [];  // {name, queue, parents, own?: the custom id, plain}
  const steps = [];
  let made = 0;

  const queueName = () => (chance(0.75) ? '' : '-b');
  const delay = () => pick([1, 1, 2, 5]) * hour;
  const find = (queue, own) => jobs.find((job) => job.queue === queue && job.own === own);
  const isBelow = (job, ancestor) => job === ancestor || job.parents.some((parent) => isBelow(parent, ancestor));
  const anyJob = (suits = () => true) => {
    const fitting = jobs.filter(suits);
    return fitting.length > 0 ? pick(fitting) : undefined;
  };

  function options({ due = false } = {}) {
    const opts = {};
    // In a scheduler's template ours leaves out attempts of 0: without them there is one attempt as well.
    if (chance(0.4)) opts.attempts = due ? 1 + below(3) : below(4);
    if (chance(0.25)) opts.priority = pick([1, 1, 2, 3, 2097151]);
    if (chance(0.15)) opts.lifo = true;
    if (!due && chance(0.25)) opts.delay = pick([delay(), delay(), delay(), 0, -5]);
    if (!due && chance(0.1)) opts.timestamp = longAgo + below(3) * hour;
    if (chance(0.25)) opts.removeOnComplete = pick(keepRules);
    if (chance(0.25)) opts.removeOnFail = pick(keepRules);
    if (chance(0.3)) {
      opts.backoff = pick([0, hour, { type: 'fixed', delay: hour }, { type: 'exponential', delay: hour },
        { type: 'fixed', delay: 2 * hour, jitter: 0 }]);
    }
    if (chance(0.15)) opts.keepLogs = 1 + below(2);
    if (chance(0.15)) opts.stackTraceLimit = below(3);
    if (chance(0.1)) opts.sizeLimit = 10000;
    if (chance(0.1)) opts.telemetry = pick([{ metadata: 'a trace' }, { metadata: 'b', omitContext: true }, { omitContext: true }]);
    if (chance(0.1)) opts.mine = pick([1, 'text / ó', true, { a: [1, 2], b: { c: 'd' } }, [{ e: 1.5 }]]);
    return opts;
  }

  function deduplication() {
    const opts = { id: pick(['x', 'y', 'z:1']) };
    if (chance(0.4)) opts.ttl = pick([hour, 3 * hour]);
    for (const option of ['extend', 'replace', 'reschedule', 'keepLastIfActive']) if (chance(0.3)) opts[option] = true;
    return opts;
  }

  // BullMQ reads a part of an id with ':' as the name of a queue if the job is a parent or has one.
  const custom = (mayHaveColons) => pick(['own-1', 'own-2', 'own-3', mayHaveColons ? 'a:b:c' : 'own-4', `own-${made}`]);

  function add(queue, { inBulk = false } = {}) {
    const opts = options();
    const job = { name: `j${++made}`, queue, parents: [], plain: true };
    if (chance(0.25)) opts.jobId = custom(true);
    const known = find(queue, opts.jobId);
    const is = opts.jobId === undefined ? job : known ?? Object.assign(job, { own: opts.jobId });
    let parent;
    if (opts.jobId !== 'a:b:c' && chance(0.2)) {
      // A cycle of parents would have no end in either engine.
      parent = anyJob((other) => other.plain && other.own !== 'a:b:c' && !isBelow(other, is));
      if (chance(0.1)) parent = { name: 'no-such-job', queue: '' };
    } else if (chance(0.3)) {
      opts.deduplication = deduplication();
      // One script of ours adds a bulk and writes the marker once, so that it is not left at the time of a job that was replaced.
      if (inBulk) delete opts.deduplication.replace;
      job.plain = false;
    }
    if (chance(0.3)) opts[pick(flags)] = chance(0.85);
    if (parent?.parents) is.parents.push(parent);
    if (job === is) jobs.push(job);
    return { as: job.name, name: pick(['mail', 'a:b', 'żółw "x"']), opts,
      data: pick([{ n: made }, { deep: { v: pick(values) } }, pick(values)]),
      ...(parent ? { parent: { job: parent.name, queue: parent.queue } } : {}) };
  }

  function node(level, parent, inTree, hasSiblings) {
    const queue = !isAcross || chance(0.6) ? '' : '-b';
    const opts = options();
    const job = { name: `j${++made}`, queue, parents: parent ? [parent] : [], plain: true };
    let is = job;
    if (chance(0.3)) {
      const id = custom(false);
      const known = find(queue, id);
      // Twice in one tree it would be its own sibling, and as a root BullMQ adds the children of a job that it does not change.
      if (!inTree.has(`${queue}/${id}`) && (known === undefined || (parent && !isBelow(parent, known)))) {
        inTree.add(`${queue}/${id}`);
        opts.jobId = id;
        if (known) known.parents.push(parent);
        else job.own = id;
        is = known ?? job;
      }
    }
    // A set of random ids has no order in which children are removed.
    if (hasSiblings && !opts.jobId) opts.jobId = job.own = `child-${made}`;
    if (parent && chance(0.5)) opts[pick(flags)] = true;
    if (is === job) jobs.push(job);
    const one = { as: job.name, name: 'node', queue, data: pick([{ n: made }, { deep: pick(values) }]), opts };
    if (level > 0) {
      const count = 1 + below(3);
      one.children = Array.from({ length: count }, () => node(chance(0.5) ? level - 1 : 0, is, inTree, count > 1));
    }
    return one;
  }

  function scheduler() {
    // A scheduler keeps its period: with a new one, BullMQ leaves the offset of the old one in the record.
    const later = [
      () => ({ id: 'daily', every: day, startDate: farAway + below(9 * day) }),
      () => ({ id: 'often', every: 7000, startDate: farAway + below(9 * day) }),
      () => ({ id: 'cron', pattern: pick(['0 9 * * 1-5', '*/7 3-5 13 * 5', '0 0 29 2 *']), tz: pick(['UTC', 'Europe/Madrid']),
        startDate: farAway + below(400 * day) }),
    ];
    const { id, ...repeat } = pick([() => ({ id: 'now', every: 40 * day }), ...later])();
    if (chance(0.3)) repeat.limit = 1 + below(3);
    if (chance(0.2)) repeat.endDate = farAway + 450 * day;
    const data = pick([{ n: 1 }, {}, { v: pick(values) }]);
    return { id, repeat, template: { name: 'tick', data, opts: options({ due: true }) } };
  }

  function clean() {
    const state = pick(states);
    // In a list BullMQ looks at no more jobs than it may remove, where ours passes over those that stay: here all may go.
    const mayLimit = state !== 'active' && !hasSchedulers;
    const limit = mayLimit ? pick([0, 0, 1, 2]) : 0;
    if (isAcross && state === 'wait') return hasSchedulers ? undefined : { state, grace: 0, limit: 1 };
    return { state, grace: limit > 0 ? 0 : pick([0, 0, hour]), limit };
  }

  const ends = () => Array.from({ length: 1 + below(4) }, () =>
    pick(['complete', 'complete', 'complete', 'fail', 'fail', 'fatal', 'hold', 'delay', 'wait']));

  const possible = {
    add: [15, (queue) => add(queue)],
    bulk: [3, (queue) => ({ jobs: Array.from({ length: 1 + below(4) }, () => add(queue, { inBulk: true })) })],
    work: [14, () => ({ ends: ends() })],
    release: [3, () => ({ ends: ends().map((end) => (end === 'hold' ? 'complete' : end)) })],
    promote: [2, () => ({ job: 'delayed' })],
    changeDelay: [2, () => ({ job: 'delayed', delay: pick([0, hour, 3 * hour]) })],
    changePriority: [2, () => ({ job: 'any', priority: below(4), lifo: chance(0.3) })],
    updateData: [1, () => ({ job: 'any', data: pick(values) })],
    updateProgress: [1, () => ({ job: 'any', progress: pick([0, 50, { half: true }, 'text', [1, 2]]) })],
    addLog: [2, () => ({ job: 'any', row: `row ${made}`, keep: pick([0, 0, 1, 2]) })],
    clearLogs: [1, () => ({ job: 'any', keep: pick([0, 1]) })],
    retry: [4, () => ({ job: 'ended', state: pick(['failed', 'failed', 'completed']), resetAttemptsMade: chance(0.3),
      resetAttemptsStarted: chance(0.3) })],
    retryJobs: [1, () => ({ state: pick(['failed', 'completed']), count: pick([1, 2, 1000]),
      ...(chance(0.2) ? { timestamp: longAgo } : {}) })],
    promoteJobs: [1, () => ({ count: pick([1, 2, 1000]) })],
    remove: [3, () => ({ job: 'any', withChildren: chance(0.6) })],
    removeUnprocessedChildren: [1, () => ({ job: 'any' })],
    removeChildDependency: [1, () => ({ job: 'child' })],
    removeDeduplicationKey: [1, () => ({ id: pick(['x', 'y', 'z:1']) })],
    removeDeduplicationKeyOf: [1, () => ({ job: 'any' })],
    deduplicationJobId: [1, () => ({ id: pick(['x', 'y', 'z:1']) })],
    clean: [2, clean],
    drain: [hasSchedulers || isAcross ? 0 : 1, () => ({ delayed: chance(0.5) })],
    pause: [hasSchedulers ? 0 : 0.8, () => ({})],
    resume: [2, () => ({})],
    obliterate: [hasObliterate ? 0.7 : 0, () => ({ force: chance(0.5), count: pick([1, 3, 1000]) })],
    trimEvents: [hasFlows ? 0 : 0.5, () => ({ length: pick([0, 5, 15, 100]) })],
    setGlobalConcurrency: [0.7, () => ({ jobs: 1 + below(4) })],
    removeGlobalConcurrency: [1.2, () => ({})],
    setGlobalRateLimit: [hasObliterate ? 0 : 0.4, () => ({ max: pick([2, 1000]), duration: hour })],
    removeGlobalRateLimit: [0.4, () => ({})],
    rateLimit: [hasObliterate ? 0 : 0.3, () => ({ duration: 3 * hour })],
    removeRateLimitKey: [0.7, () => ({})],
    flow: [hasFlows ? 7 : 0, () => ({ trees: [
      // BullMQ adds all roots of several trees, then all children: one transaction. Ours are one after the other.
      ...(chance(0.2) ? [node(0, undefined, new Set())] : []), node(1 + below(2), undefined, new Set())] })],
    upsert: [hasSchedulers ? 3 : 0, scheduler],
    unschedule: [hasSchedulers ? 1 : 0, () => ({ id: pick(['now', 'daily', 'often', 'cron']) })],
  };
  const total = Object.values(possible).reduce((sum, [weight]) => sum + weight, 0);
  const pickAct = () => {
    let left = (below(1000000) / 1000000) * total;
    return Object.entries(possible).find(([, [weight]]) => (left -= weight) < 0) ?? ['add', possible.add];
  };

  // A name with '@' is the first job of a state at that moment.
  const fitting = {
    any: () => (chance(0.3) ? `@${pick(['completed', 'failed', 'wait', 'delayed', 'prioritized'])}` : anyJob()),
    delayed: () => (chance(0.6) ? '@delayed' : anyJob()),
    ended: (state) => (chance(0.7) ? `@${state}` : anyJob()),
    child: () => anyJob((job) => job.parents.length > 0),
  };
  for (let n = 6 + below(30); n > 0; --n) {
    const [act, [, make]] = pickAct();
    const step = { do: act, queue: queueName() };
    const rest = make(step.queue);
    if (rest === undefined) continue;
    Object.assign(step, rest);
    if (step.job) {
      const job = fitting[step.job](step.state) ?? anyJob();
      if (job === undefined) continue;
      if (typeof job === 'string') step.job = job;
      else Object.assign(step, { job: job.name, queue: job.queue });
    }
    steps.push(step);
  }
  return { seed, kind, steps };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Does scripts on the queues `<base>` and `<base>-b`, which it finds empty. */
class Player {
  constructor({ Queue, FlowProducer, Worker, Job, UnrecoverableError }, connection, redis, base) {
    Object.assign(this, { Job, UnrecoverableError, redis, base });
    const quiet = (emitter) => emitter.on('error', () => {});
    this.flows = quiet(new FlowProducer({ connection }));
    for (const suffix of ['', '-b']) {
      const name = base + suffix;
      this[name] = {
        queue: quiet(new Queue(name, { connection, skipMetasUpdate: true })),
        worker: quiet(new Worker(name, null, { connection, autorun: false, lockDuration: hour })),
      };
    }
    this.clear();
  }

  /** To be called when Redis is empty again. */
  clear() {
    this.ids = {};
    this.held = { '': [], '-b': [] };
    this.tokens = 0;
  }

  queue(suffix) { return this[this.base + suffix].queue; }

  id(name) { return this.ids[name] ?? name; }

  /** Gives the first job of a state its name. */
  async find({ job, queue }) {
    if (!job?.startsWith?.('@')) return;
    const key = this.queue(queue).toKey(job.slice(1));
    const [id] = job === '@wait' ? await this.redis.lrange(key, -1, -1) : await this.redis.zrange(key, 0, 0);
    this.ids[job] = id ?? '@none';
  }

  async job({ job, queue }) {
    const id = this.id(job);
    return await this.Job.fromId(this.queue(queue), id) ?? new this.Job(this.queue(queue), 'gone', {}, {}, id);
  }

  remember(name, id) {
    // BullMQ returns a code as the id of a job in a bulk.
    if (/^-\d+$/.test(id)) return { code: Number(id) };
    this.ids[name] = id;
    return id;
  }

  placed({ queue, ...opts }, parent) {
    return parent ? { ...opts, parent: { id: this.id(parent.job), queue: this.queue(parent.queue).qualifiedName } } : opts;
  }

  tree({ queue, children, as, ...rest }) {
    return { ...rest, queueName: this.base + queue, ...(children ? { children: children.map((child) => this.tree(child)) } : {}) };
  }

  rememberTree(node, { job, children }) {
    return [this.remember(node.as, job.id), ...(children ?? []).map((child, n) => this.rememberTree(node.children[n], child))];
  }

  /** Returns the result of a step: a value that both engines return in the same form, or {code}. */
  async act(step) {
    try {
      await this.find(step);
      return (await this[step.do](this.queue(step.queue), step)) ?? null;
    } catch (error) {
      return { code: error.code ?? 0, message: error.message };
    }
  }

  async add(queue, { as, name, data, opts, parent }) {
    return this.remember(as, (await queue.add(name, data, this.placed(opts, parent))).id);
  }
  async bulk(queue, { jobs }) {
    const added = await queue.addBulk(
      jobs.map(({ name, data, opts, parent }) => ({ name, data, opts: this.placed(opts, parent) })));
    return added.map(({ id }, n) => this.remember(jobs[n].as, id));
  }
  async flow(queue, { trees }) {
    const added = trees.length === 1 ? [await this.flows.add(this.tree(trees[0]))]
      : await this.flows.addBulk(trees.map((tree) => this.tree(tree)));
    return added.map((tree, n) => this.rememberTree(trees[n], tree));
  }
  async upsert(queue, { id, repeat, template }) {
    return (await queue.upsertJobScheduler(id, repeat, template))?.id;
  }
  async unschedule(queue, { id }) { return queue.removeJobScheduler(id); }
  async promote(queue, step) { return (await this.job(step)).promote(); }
  async changeDelay(queue, step) { return (await this.job(step)).changeDelay(step.delay); }
  async changePriority(queue, step) { return (await this.job(step)).changePriority({ priority: step.priority, lifo: step.lifo }); }
  async updateData(queue, step) { return (await this.job(step)).updateData(step.data); }
  async updateProgress(queue, step) { return (await this.job(step)).updateProgress(step.progress); }
  async addLog(queue, { job, row, keep }) { return queue.addJobLog(this.id(job), row, keep); }
  async clearLogs(queue, step) { return (await this.job(step)).clearLogs(step.keep); }
  async retry(queue, step) {
    const { state, resetAttemptsMade, resetAttemptsStarted } = step;
    return (await this.job(step)).retry(state, { resetAttemptsMade, resetAttemptsStarted });
  }
  async retryJobs(queue, { state, count, timestamp }) { return queue.retryJobs({ state, count, timestamp }); }
  async promoteJobs(queue, { count }) { return queue.promoteJobs({ count }); }
  async remove(queue, { job, withChildren }) { return (await queue.remove(this.id(job), { removeChildren: withChildren })); }
  async removeUnprocessedChildren(queue, step) { return (await this.job(step)).removeUnprocessedChildren(); }
  async removeChildDependency(queue, step) {
    const job = await this.job(step);
    // BullMQ throws -5 for a job that has no parent, as if the parent were missing.
    return job.name !== 'gone' && !job.parentKey ? false : job.removeChildDependency();
  }
  async removeDeduplicationKey(queue, { id }) { return (await queue.removeDeduplicationKey(id)) > 0; }
  async removeDeduplicationKeyOf(queue, step) { return (await this.job(step)).removeDeduplicationKey(); }
  async deduplicationJobId(queue, { id }) { return queue.getDeduplicationJobId(id); }
  async clean(queue, { state, grace, limit }) { return queue.clean(grace, limit, state); }
  async drain(queue, { delayed }) { return queue.drain(delayed); }
  async pause(queue) { return queue.pause(); }
  async resume(queue) { return queue.resume(); }
  async obliterate(queue, { force, count }) { return queue.obliterate({ force, count }); }
  async trimEvents(queue, { length }) { return queue.trimEvents(length); }
  async setGlobalConcurrency(queue, { jobs }) { await queue.setGlobalConcurrency(jobs); }
  async removeGlobalConcurrency(queue) { await queue.removeGlobalConcurrency(); }
  async setGlobalRateLimit(queue, { max, duration }) { await queue.setGlobalRateLimit(max, duration); }
  async removeGlobalRateLimit(queue) { await queue.removeGlobalRateLimit(); }
  async rateLimit(queue, { duration }) { await queue.rateLimit(duration); }
  async removeRateLimitKey(queue) { await queue.removeRateLimitKey(); }

  /** Ends waiting jobs, one each; the same for both engines. */
  async work(queue, step) {
    const { worker } = this[this.base + step.queue];
    const ended = [];
    for (const end of step.ends) {
      worker.limitUntil = 0;
      const job = await worker.getNextJob(`token ${++this.tokens}`, { block: false });
      if (!job) break;
      ended.push([job.id, await this.end(job, end, this.held[step.queue])]);
    }
    // As a worker that goes to sleep: the next act writes the marker, or does not.
    await this.redis.del(queue.toKey('marker'));
    return ended;
  }
  async release(queue, { queue: suffix, ends }) {
    const ended = [];
    for (const end of ends) {
      const job = this.held[suffix].shift();
      if (job) ended.push([job.id, await this.end(job, end, this.held[suffix])]);
    }
    return ended;
  }
  async end(job, end, held) {
    // No two end in one millisecond: their order would be undecided.
    await sleep(2);
    const fail = (error) => job.moveToFailed(Object.assign(error, { stack: error.message }), job.token, false);
    try {
      if (job.deferredFailure) await fail(new this.UnrecoverableError(job.deferredFailure));
      else if (end === 'complete') await job.moveToCompleted(values[job.name.length], job.token, false);
      else if (end === 'fail') await fail(new Error('failed'));
      else if (end === 'fatal') await fail(new this.UnrecoverableError('no attempt helps'));
      else if (end === 'delay') await job.moveToDelayed(Date.now() + 4 * hour, job.token);
      else if (end === 'wait') await job.moveToWait(job.token);
      else held.push(job);
      return end;
    } catch (error) {
      if (error.code === -4 || error.code === -9) await fail(error);
      return error.code ?? error.message;
    }
  }

  async play(steps) {
    const [results, markers] = [[], []];
    for (const step of steps) {
      results.push(await this.act(step));
      markers.push(await this.redis.zrange(this.queue(step.queue).toKey('marker'), 0, -1, 'WITHSCORES'));
    }
    return { results, markers, ids: this.ids };
  }
}

module.exports = { Player, scriptOf };
