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
  const valueOf = (name) => page.locator(`dt:text-is("${name}") + dd`).innerText();
  const completed = async () => Number((await valueOf('Completed')).replace(/\D/g, ''));

  console.log('the numbers are live');
  await page.goto(`${url}/`);
  await page.getByText('fit for work').waitFor();
  await until('the first jobs are shown', async () => (await completed()) >= 45);
  await work(200);
  const begin = Date.now();
  await until('later jobs are shown', async () => (await completed()) >= 225);
  console.log(`changed after ${Date.now() - begin} ms`);
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

  console.log('without a token there is nothing');
  assert.equal((await fetch(`${url}/console/data`)).status, 401);
  assert.equal((await fetch(`${url}/console/data`, { headers: { authorization: `Bearer ${token}-reader` } })).status, 200);
  await queue.close();
});
