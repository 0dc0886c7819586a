// The page at / in Chromium: its numbers live, its plots drawn, usable in 380 pixels, by keyboard, in light and dark.
//   node console.cjs BUILD_FOLDER [--screenshots FOLDER]
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { main, openBrowser, openPage, packageOf, startDrover, startRedis, token, until } = require('./support.cjs');

const [buildFolder, ...options] = process.argv.slice(2);
const screenshots = options[0] === '--screenshots' ? options[1] : undefined;
const { Queue } = require(packageOf('compat', 'bullmq-6.7.0'));
const axe = fs.readFileSync(path.join(packageOf('browser', 'axe-core'), 'axe.min.js'), 'utf8');

main(async () => {
  const redisPort = await startRedis();
  const url = await startDrover(path.resolve(buildFolder), redisPort, {
    'plugins.load': 'api,board,console,echo',
    'board.ui': packageOf('board', '@bull-board/ui'),
    'console.uplot': packageOf('console', 'uplot'),
    'queue.echo.name': 'echo',
    'queue.echo.maxDepth': 100000,
  });
  const queue = new Queue('echo', { connection: { host: '127.0.0.1', port: redisPort } });
  const work = async (jobs) => {
    await queue.addBulk(Array.from({ length: jobs }, (_, i) =>
      ({ name: 'echo', data: i % 10 === 0 ? { fail: 'no such address' } : { sleepMs: i % 7 } })));
  };
  await work(50);

  const browser = await openBrowser();
  const page = await openPage(browser, url);
  // The page notes the waits of its timers, and counts its requests for fresh figures.
  await page.addInitScript(() => {
    window.waits = [];
    window.reads = 0;
    const { setTimeout: wait, fetch: request } = window;
    window.setTimeout = (call, ms, ...rest) => {
      window.waits.push(ms);
      return wait(call, ms, ...rest);
    };
    window.fetch = (address, ...rest) => {
      if (String(address).startsWith('console/data')) window.reads += 1;
      return request(address, ...rest);
    };
  });
  const valueOf = (name) => page.locator(`dt:text-is("${name}") + dd`).innerText();
  const completed = async () => Number((await valueOf('Completed')).replace(/\D/g, ''));

  console.log('the numbers are live');
  await page.goto(`${url}/`);
  await page.getByText('fit for work').waitFor();
  await until('the first jobs are shown', async () => (await completed()) >= 45);
  await work(200);
  await until('later jobs are shown', async () => (await completed()) >= 225);

  console.log('the numbers are at most 2 s old');
  // The page waits and then reads, and shows at once. A busy machine delays a timer, but does not change its period.
  await page.evaluate(() => {
    window.waits = [];
    window.reads = 0;
  });
  await until('the page has read five times', () => page.evaluate(() => window.reads >= 5));
  const { waits, reads } = await page.evaluate(() => ({ waits: window.waits, reads: window.reads }));
  assert.ok(waits.length >= reads - 1, `a timer before each read: ${waits.length} timers, ${reads} reads`);
  assert.ok(waits.every((ms) => ms <= 2000), `waits of ${waits} ms`);

  await page.locator('#queues th:text-is("echo")').waitFor();
  await page.locator('#queues td:text-is("at most 100,000 jobs")').or(page.locator('#queues td:text-is("at most 100000 jobs")')).waitFor();
  await page.locator('#workers th:text-is("echo")').first().waitFor();
  // Its own process, and one without a page.
  await startDrover(path.resolve(buildFolder), redisPort, {
    'plugins.load': 'api,echo', 'queue.echo.name': 'other', 'control.socket': 'off',
  });
  await page.locator('#processes tr:has-text("other") td:has-text("echo 1.0.0, generation 1")').waitFor();
  await until('both processes are shown', async () => (await page.locator('#processes tbody tr').count()) === 2);
  await page.locator('#plugins th:text-is("echo")').waitFor();
  await page.locator('#breakers td').first().waitFor();
  await page.locator('#checks th:text-is("queue echo")').waitFor();
  await page.getByRole('link', { name: 'Jobs' }).waitFor();

  console.log('the plots are drawn');
  for (const id of ['throughput', 'latency']) {
    await until(`the plot ${id} has lines`, async () => {
      if (id === 'throughput') await work(20);
      return page.locator(`#${id} canvas`).evaluate((canvas) => {
        // The lines of the series are coloured, axes and grid are not.
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        for (let i = 0; i < data.length; i += 4) {
          if (data[i + 3] > 200 && data[i + 2] - data[i] > 60) return true;
        }
        return false;
      });
    });
  }
  assert.match(await page.locator('#latency-text').innerText(), /^(Half of the runs took|No job ended)/);

  console.log('no serious violation, in light and dark, wide and narrow');
  for (const [colorScheme, width] of [['light', 1280], ['dark', 1280], ['light', 380], ['dark', 380]]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run());
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), [], `${colorScheme} ${width}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} pixels wide in ${width}`);
    if (screenshots) await page.screenshot({ path: path.join(screenshots, `console-${colorScheme}-${width}.png`) });
  }

  console.log('a keyboard does');
  await page.goto(`${url}/`);
  await page.locator('#queues th:text-is("echo")').waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  const seen = new Set();
  for (let i = 0; i < 7; ++i) {
    await page.keyboard.press('Tab');
    seen.add(await page.evaluate(() => document.activeElement.getAttribute('aria-labelledby')));
  }
  for (const part of ['queues', 'processes', 'workers', 'plugins', 'breakers', 'checks']) assert.ok(seen.has(`${part}-title`), part);
  await page.getByRole('link', { name: 'Jobs' }).focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(`${url}/board**`);
  assert.deepEqual(page.trouble, []);

  console.log('a file that a browser has is not sent again');
  const files = ['/', '/console/console.css', '/console/console.js', '/console/uplot.js', '/console/uplot.css'];
  const board = await (await fetch(`${url}/board`, { headers: { authorization: `Bearer ${token}` } })).text();
  files.push(`/board/${board.match(/static\/js\/[^"]+\.js/)[0]}`);
  for (const file of files) {
    const headers = { authorization: `Bearer ${token}` };
    const first = await fetch(url + file, { headers });
    assert.equal(first.status, 200, file);
    const etag = first.headers.get('etag');
    assert.match(etag, /^"[0-9a-f]{40}"$/, file);
    await first.arrayBuffer();
    const again = await fetch(url + file, { headers: { ...headers, 'if-none-match': etag } });
    assert.equal(again.status, 304, file);
    assert.equal((await again.arrayBuffer()).byteLength, 0, file);
  }

  console.log('without a token there is nothing');
  assert.equal((await fetch(`${url}/console/data`)).status, 401);
  assert.equal((await fetch(`${url}/console/data`, { headers: { authorization: `Bearer ${token}-reader` } })).status, 200);
  await queue.close();
});
