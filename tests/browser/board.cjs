// Chromium clicks every action of Bull Board on a busy queue, and BullMQ sees what each of them did.
//   node board.cjs BUILD_FOLDER [--screenshots FOLDER] [--url URL --redis PORT]
// --screenshots writes the pictures of docs/board.md. --url drives another server of the same page.
'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const { main, openBrowser, openPage, packageOf, startDrover, startRedis, token, until } = require('./support.cjs');

const [buildFolder, ...options] = process.argv.slice(2);
const option = (name) => (options.includes(name) ? options[options.indexOf(name) + 1] : undefined);

const { FlowProducer, Queue, Worker } = require(packageOf('compat', 'bullmq-6.7.0'));
const hour = 3600000;

main(async () => {
  const redisPort = option('--redis') ?? (await startRedis());
  const connection = { host: '127.0.0.1', port: Number(redisPort) };
  const url = option('--url') ?? (await startDrover(path.resolve(buildFolder), redisPort, {
    'plugins.load': 'api,board',
    'board.ui': packageOf('board', '@bull-board/ui'),
    'board.queues': 'mail,report',
  }));

  const mail = new Queue('mail', { connection });
  const report = new Queue('report', { connection });
  const flows = new FlowProducer({ connection });
  const stateOf = (id) => mail.getJobState(id);
  const becomes = (id, state) => until(`job ${id} is ${state}`, async () => (await stateOf(id)) === state);

  // "flaky" fails until its data has {"mended": true} or it is retried; "slow" runs until the end.
  const worker = new Worker('mail', async (job) => {
    await job.log(`to ${JSON.stringify(job.data)}`);
    if (job.name === 'slow') await new Promise(() => {});
    if (job.name === 'flaky' && job.attemptsMade < 1) throw new Error('no such address');
    return { sent: true };
  }, { connection, concurrency: 20, name: 'blue', metrics: { maxDataPoints: 60 } });
  worker.on('error', () => {});

  const ids = { flaky: [], done: [] };
  for (let i = 0; i < 12; ++i) ids.done.push((await mail.add('welcome', { to: `reader-${i}` })).id);
  for (let i = 0; i < 3; ++i) ids.flaky.push((await mail.add('flaky', { to: `nobody-${i}` })).id);
  for (let i = 0; i < 2; ++i) await mail.add('slow', { i });
  const later = async () => (await mail.add('later', { to: 'a' }, { delay: hour })).id;
  ids.later = [await later(), await later(), await later()];
  for (const id of ids.done) await becomes(id, 'completed');
  for (const id of ids.flaky) await becomes(id, 'failed');
  await mail.upsertJobScheduler('tick', { every: hour }, { name: 'tick', data: { to: 7 } });
  const flow = await flows.add({
    name: 'sum', queueName: 'report', data: {},
    children: [{ name: 'part', queueName: 'report', data: { n: 1 } }, { name: 'part', queueName: 'report', data: { n: 2 } }],
  });

  const urgent = await report.add('urgent', {}, { priority: 9 });

  const browser = await openBrowser();
  const page = await openPage(browser, new URL(url).origin, { password: token });
  const goto = async (below) => { await page.goto(`${new URL(url).origin}/board${below}`); };
  const shot = async (name) => {
    if (option('--screenshots')) await page.screenshot({ path: path.join(option('--screenshots'), `${name}.png`) });
  };
  const button = (name) => page.getByRole('button', { name, exact: true });
  const dialog = () => page.getByRole('dialog');
  /** Waits until the page has forgotten its dialog: 300 ms after one is closed, a timer of the page closes whatever is open. */
  const closed = async () => {
    await page.waitForFunction(() => !document.querySelector('[role=dialog], [role=alertdialog]'));
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 400)));
  };
  /** Presses the button that ends the dialog. */
  const end = async (name) => {
    await dialog().or(page.getByRole('alertdialog')).getByRole('button', { name, exact: true }).click();
    await closed();
  };
  const confirm = () => end('Confirm');
  /** An entry of the menu of the page's queue, or of all queues. */
  const menu = async (name) => {
    await page.locator('button[aria-haspopup=menu]').first().click();
    await page.getByRole('menuitem', { name }).click();
  };
  /** A button on the page of a job; its name is in a tooltip alone. */
  const ofJob = async (id, name, queue = 'mail') => {
    await goto(`/queue/${queue}/${id}`);
    const buttons = page.locator('li [data-base-ui-tooltip-trigger] button');
    await buttons.first().waitFor();
    return until(`job ${id} has the button ${name}`, async () => {
      for (const one of await buttons.all()) {
        await one.hover();
        const tip = page.locator('[data-base-ui-portal] [data-open]').getByText(name, { exact: true });
        if (await tip.first().waitFor({ timeout: 3000 }).then(() => true, () => false)) return one;
      }
      return undefined;
    });
  };
  const step = (text) => console.log(text);

  step('the overview');
  await goto('/');
  await page.getByRole('link', { name: 'mail', exact: true }).first().waitFor();
  await page.getByRole('link', { name: 'report', exact: true }).first().waitFor();
  await shot('board-overview');

  step('every state has its list');
  for (const state of ['active', 'waiting', 'waiting-children', 'prioritized', 'completed', 'failed', 'delayed']) {
    await goto('/queue/mail');
    await page.locator(`a[href$="/queue/mail?status=${state}"]`).first().click();
    await page.waitForURL(`**/queue/mail?status=${state}`);
    const some = { active: 'slow', completed: 'welcome', failed: 'flaky', delayed: 'later' }[state];
    if (some) await page.locator('a', { hasText: some }).first().waitFor();
    else await page.getByText(/^No .* jobs in this queue/).first().waitFor();
  }

  step('a failed job: its error, its data, its log, and a retry');
  await goto('/queue/mail?status=failed');
  await page.getByText('no such address').first().waitFor();
  await shot('board-queue');
  await page.getByRole('tab', { name: 'Logs' }).first().click();
  await page.getByText(/^to \{/).first().waitFor();
  await page.getByRole('tab', { name: 'Options' }).first().click();
  await (await ofJob(ids.flaky[0], 'Retry')).click();
  await confirm();
  await becomes(ids.flaky[0], 'completed');
  await goto('/queue/mail?status=failed');
  await button('Retry all').click();
  await confirm();
  for (const id of ids.flaky) await becomes(id, 'completed');

  step('time, priority, data and promotion of jobs that wait');
  await (await ofJob(ids.later[0], 'Reschedule')).click();
  const when = new Date(Date.now() + 3 * hour);
  await dialog().locator('input').first().fill(
    new Date(when - when.getTimezoneOffset() * 60000).toISOString().slice(0, 16));
  await end('Save');
  await until('rescheduled', async () => {
    const job = await mail.getJob(ids.later[0]);
    return job.delay > 1.5 * hour;
  });
  await (await ofJob(urgent.id, 'Change priority', 'report')).click();
  await dialog().locator('input').first().fill('4');
  await end('Save');
  await until('another priority', async () => (await report.getJob(urgent.id)).priority === 4);
  await (await ofJob(ids.later[0], 'Update Data')).click();
  await dialog().locator('.cm-content').first().click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText('{"to":"b"}');
  await end('Update');
  await until('other data', async () => (await mail.getJob(ids.later[0])).data.to === 'b');
  await (await ofJob(ids.later[0], 'Promote')).click();
  await confirm();
  await becomes(ids.later[0], 'completed');
  await goto('/queue/mail?status=delayed');
  await button('Promote all').click();
  await confirm();
  for (const id of ids.later) await becomes(id, 'completed');

  step('a job is duplicated and cleaned, all are');
  await (await ofJob(ids.later[0], 'Duplicate')).click();
  await dialog().locator('#job-name').fill('copy');
  await end('Duplicate');
  await until('the copy', async () => (await mail.getJobs(['completed', 'delayed'])).some((job) => job.name === 'copy'));
  await (await ofJob(ids.later[0], 'Clean')).click();
  await confirm();
  await until('cleaned', async () => !(await mail.getJob(ids.later[0])));
  await goto('/queue/mail?status=completed');
  await button('Clean all').click();
  await confirm();
  await until('all old ones cleaned', async () => !(await mail.getJob(ids.done[0])));

  step('pause, add, empty, resume');
  await menu('Pause');
  await confirm();
  await until('paused', () => mail.isPaused());
  await menu('Add job');
  await dialog().locator('#job-name').fill('letter');
  await dialog().locator('.cm-content').nth(0).click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText('{"to":"c"}');
  await dialog().locator('.cm-content').nth(1).click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText('{"attempts":3}');
  await end('Add');
  const letter = await until('the added job', async () => (await mail.getWaiting()).find((job) => job.name === 'letter'));
  assert.deepEqual(letter.data, { to: 'c' });
  assert.equal(letter.opts.attempts, 3);
  await page.keyboard.press('Escape');
  await closed();
  await menu('Empty');
  await confirm();
  await until('empty', async () => (await mail.getWaitingCount()) === 0);
  await menu('Resume');
  await confirm();
  await until('resumed', async () => !(await mail.isPaused()));

  step('limits');
  await menu('Set concurrency');
  await dialog().locator('input').first().fill('9');
  await end('Save');
  await until('concurrency', async () => (await mail.getGlobalConcurrency()) === 9);
  await menu('Set rate limit');
  await dialog().locator('#rate-limit-max').fill('1000');
  await dialog().locator('#rate-limit-duration').fill('100');
  await end('Save');
  await until('rate limit', async () => (await mail.getGlobalRateLimit())?.max === 1000);
  await mail.rateLimit(hour);
  await goto('/queue/mail');
  await page.getByText(/^rate limited/).first().click();
  await confirm();
  await until('released', async () => (await mail.getRateLimitTtl()) <= 0);

  step('schedulers');
  await goto('/job-schedulers');
  await button('Run now').click();
  await confirm();
  await until('an extra run', async () => (await mail.getJobs(['completed'])).some((job) => job.name === 'tick'));
  await button('Edit schedule').click();
  await dialog().locator('#scheduler-every').fill('7200000');
  await end('Save');
  await until('another period', async () => (await mail.getJobScheduler('tick')).every === 2 * hour);
  await shot('board-schedulers');
  await button('Remove scheduler').click();
  await confirm();
  await until('no scheduler', async () => (await mail.getJobSchedulersCount()) === 0);

  step('a flow');
  await goto(`/queue/report/${flow.job.id}`);
  await page.getByText(/part/).first().waitFor();
  await shot('board-flow');
  await (await ofJob(flow.job.id, 'Remove unprocessed children', 'report')).click();
  await confirm();
  await until('no children', async () => (await report.getJobState(flow.job.id)) === 'waiting');

  step('the server, the workers, all queues');
  await goto('/queue/mail');
  await button('Queue info').click();
  await page.getByText('blue').first().waitFor();
  await page.keyboard.press('Escape');
  await closed();
  await goto('/');
  await page.locator('button:has(svg[viewBox])').nth(1).waitFor();
  await menu('Pause all');
  await confirm();
  await until('both paused', async () => (await mail.isPaused()) && (await report.isPaused()));
  await menu('Resume all');
  await confirm();
  await until('both resumed', async () => !(await mail.isPaused()) && !(await report.isPaused()));

  step('obliterate');
  await report.pause();
  await goto('/queue/report');
  await menu('Obliterate');
  await confirm();
  await until('nothing left', async () =>
    (await report.getJobState(flow.job.id)) === 'unknown' && !(await report.isPaused()));
  assert.deepEqual(page.trouble, []);

  if (!option('--url')) {
    step('a token that may only read sees no action');
    const reader = await openPage(browser, url, { password: `${token}-reader` });
    await reader.goto(`${url}/board/queue/mail?status=completed`);
    await reader.locator('a', { hasText: 'letter' }).or(reader.locator('a', { hasText: 'tick' })).first().waitFor();
    assert.equal(await reader.getByRole('button', { name: 'Clean all' }).count(), 0);
    assert.equal(await reader.locator('li button').count(), await reader.locator('li button:not(:has(svg.lucide-trash-2)):not(:has(svg.lucide-refresh-cw))').count());
    assert.deepEqual(reader.trouble, []);
    const refused = await reader.evaluate(async () => (await fetch('/board/api/queues/mail/pause', { method: 'PUT' })).status);
    assert.equal(refused, 403);
    assert.equal(await mail.isPaused(), false);
  }
});
