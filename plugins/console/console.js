// The page at /: reads console/data once a second, and draws it. Nothing is built, nothing comes from another host.
'use strict';

(function () {
  const byId = (id) => document.getElementById(id);
  const period = 1000;
  let points = []; // {atMs, completed, failed, runMedian, runHigh, waitHigh}
  let plots = [];

  const number = (value) => (value === null || value === undefined ? '–'
    : value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 2 : value < 100 ? 1 : 0 }));
  const seconds = (ms) => (ms === null || ms === undefined ? '–' : ms < 1000 ? `${number(ms)} ms` : `${number(ms / 1000)} s`);
  const duration = (s) => (s < 120 ? `${Math.round(s)} s` : s < 7200 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`);

  function element(tag, text, className) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  /** Puts `content` into `parent`, and leaves what is equal as it is, so that a selection or a focus stays. */
  function show(parent, content) {
    const fresh = element(parent.tagName);
    fresh.append(...content);
    if (fresh.innerHTML !== parent.innerHTML) parent.replaceChildren(...fresh.childNodes);
  }

  /** `columns`: [title, cell of a row, class]. The first one heads its row. */
  function table(id, columns, rows, empty) {
    if (rows.length === 0) {
      const row = element('tr');
      row.append(element('td', empty, 'long'));
      const body = element('tbody');
      body.append(row);
      return show(byId(id), [body]);
    }
    const head = element('tr');
    for (const [title, , className] of columns) {
      const cell = element('th', title, className);
      cell.scope = 'col';
      head.append(cell);
    }
    const body = element('tbody');
    for (const row of rows) {
      const line = element('tr');
      columns.forEach(([, cellOf, className], place) => {
        const value = cellOf(row);
        const cell = element(place === 0 ? 'th' : 'td', undefined, className);
        if (place === 0) cell.scope = 'row';
        cell.append(value instanceof Node ? value : String(value));
        line.append(cell);
      });
      body.append(line);
    }
    const top = element('thead');
    top.append(head);
    show(byId(id), [top, body]);
  }

  function tiles(entries) {
    show(byId('now'), entries.map(([name, value]) => {
      const tile = element('div');
      tile.append(element('dt', name), element('dd', value));
      return tile;
    }));
  }

  const counts = (queue, state) => queue.counts?.[state] ?? 0;
  const fit = (ok, yes, no) => element('span', ok ? yes : no, ok ? 'good' : 'bad');

  const each = (list, textOf) => (list.length ? list.map(textOf).join('; ') : '–');
  const unfit = (process) => each(process.checks.filter((check) => !check.ok), (check) => `${check.name}: ${check.detail}`);
  const rates = (queue) => ['completed', 'failed', 'added'].filter((name) => queue[`${name}PerSecond`] > 0)
    .map((name) => `, ${number(queue[`${name}PerSecond`])} ${name} each second`).join('');

  function showTables(data) {
    table('queues', [
      ['Queue', (q) => q.name],
      ['State', (q) => fit(!q.paused && !q.problem, 'running', q.problem || 'paused')],
      ['Waiting', (q) => number(counts(q, 'waiting') + counts(q, 'prioritized')), 'number'],
      ['Oldest', (q) => seconds(q.oldestWaitMs), 'number'],
      ['Active', (q) => number(counts(q, 'active')), 'number'],
      ['Delayed', (q) => number(counts(q, 'delayed')), 'number'],
      ['Failed', (q) => number(counts(q, 'failed')), 'number'],
      ['Ended each minute', (q) => number(q.perMinute?.ended), 'number'],
      ['Workers', (q) => number(q.workers), 'number'],
      ['Estimated wait', (q) => seconds(q.drainSeconds === null ? null : q.drainSeconds * 1000), 'number'],
      ['Admission', (q) => q.admission],
    ], data.queues, data.problem || 'The configuration names no queue.');
    table('processes', [
      ['Process', (p) => `${p.host} ${p.pid}`],
      ['State', (p) => fit(p.ok, p.state, `${p.state}: ${unfit(p)}`)],
      ['Version', (p) => p.version],
      ['Up for', (p) => duration(p.uptimeMs / 1000), 'number'],
      ['Queues', (p) => each(p.queues, (q) => q.name + rates(q))],
      ['Plugins', (p) => each(p.plugins, (g) => `${g.name} ${g.version}, generation ${number(g.generation)}${g.refused ? ', last file refused' : ''}`)],
      ['Open breakers', (p) => each(p.breakers, (b) => `${b.handler} of ${b.queue}`)],
    ], data.processes, 'No process publishes how it fares (process.publish).');
    table('workers', [
      ['Queue', (w) => w.queue],
      ['Name', (w) => w.name || 'unnamed'],
      ['Address', (w) => w.address],
      ['Connected for', (w) => duration(w.ageSeconds)],
    ], data.workers, 'No worker waits for jobs of these queues.');
    table('plugins', [
      ['Plugin', (p) => p.name],
      ['Version', (p) => p.version],
      ['Generation', (p) => p.generation, 'number'],
      ['Draining', (p) => p.draining, 'number'],
      ['Last file', (p) => fit(!p.refused, 'loaded', 'refused')],
    ], data.plugins, 'No handler plugin is loaded in this process.');
    table('breakers', [
      ['Handler', (b) => b.handler],
      ['Queue', (b) => b.queue],
      ['Breaker', (b) => fit(!b.open, 'closed', 'open: its infrastructure is away')],
    ], data.breakers, 'No breaker of this process has opened.');
    table('checks', [
      ['Part', (c) => c.name],
      ['State', (c) => fit(c.ok, 'fit', 'unfit')],
      ['Detail', (c) => c.detail, 'long'],
    ], data.checks, 'Nothing reports its health.');
  }

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function draw() {
    for (const { plot } of plots) plot.destroy();
    plots = [];
    byId('plots-missing').hidden = Boolean(window.uPlot);
    if (!window.uPlot) return;
    const axis = { stroke: colour('--text'), grid: { stroke: colour('--line') }, ticks: { stroke: colour('--line') } };
    const make = (id, series) => {
      const parent = byId(id);
      show(byId(`${id}-legend`), series.map(([label], place) => element('li', label, `line-${place + 1}`)));
      const plot = new window.uPlot({
        width: parent.clientWidth, height: 220,
        cursor: { show: false }, legend: { show: false }, scales: { y: { range: (_u, _low, high) => [0, Math.max(1, high * 1.1)] } },
        series: [{}, ...series.map(([label, , name]) => ({ label, stroke: colour(name), width: 2, spanGaps: false }))],
        axes: [axis, { ...axis, size: 60 }],
      }, [[]], parent);
      plots.push({ plot, parent, members: series.map(([, member]) => member) });
    };
    make('throughput', [['completed', 'completed', '--first'], ['failed', 'failed', '--second']]);
    make('latency', [['run, half of them', 'runMedian', '--first'], ['run, 95 %', 'runHigh', '--second'], ['wait, 95 %', 'waitHigh', '--third']]);
    feed();
  }

  function feed() {
    const times = points.map((point) => point.atMs / 1000);
    for (const { plot, members } of plots) plot.setData([times, ...members.map((member) => points.map((point) => point[member]))]);
  }

  function showSeries(data) {
    const newest = points.length ? points[points.length - 1].atMs : 0;
    points = points.concat(data.points.filter((point) => point.atMs > newest)).filter((point) => point.atMs > data.nowMs - 3600000);
    feed();
    const last = points[points.length - 1];
    if (!last) return;
    byId('throughput-text').textContent = `Completed ${number(last.completed)} and failed ${number(last.failed)} each second.`;
    byId('latency-text').textContent = last.runMedian === null ? 'No job ended just now.'
      : `Half of the runs took at most ${seconds(last.runMedian)}, 95 % at most ${seconds(last.runHigh)}; 95 % waited at most ${seconds(last.waitHigh)}.`;
    tiles([
      ['Completed each second', number(last.completed)], ['Failed each second', number(last.failed)],
      ['Completed', number(data.process.completed)], ['Failed', number(data.process.failed)],
      ['Held by this process', number(data.process.held)], ['Up for', duration((data.nowMs - data.process.startedMs) / 1000)],
    ]);
  }

  function showProcess(data) {
    const ok = data.checks.every((check) => check.ok);
    const line = [`${data.process.host}, process ${data.process.pid}, version ${data.process.version}: `, fit(ok, 'fit for work', 'unfit')];
    show(byId('process'), line);
    show(byId('links'), data.links.map(({ text, href }) => {
      const link = element('a', text);
      link.href = href;
      const entry = element('li');
      entry.append(link);
      return entry;
    }));
  }

  let trouble = '';
  function report(text) {
    if (text !== trouble) byId('trouble').textContent = trouble = text;
    byId('trouble').className = text ? 'bad' : '';
  }

  async function read() {
    const since = points.length ? points[points.length - 1].atMs : 0;
    const answer = await fetch(`console/data?since=${since}`, { cache: 'no-store' });
    if (!answer.ok) throw new Error(`the process answered ${answer.status}`);
    const data = await answer.json();
    showProcess(data);
    showTables(data);
    showSeries(data);
  }

  async function live() {
    if (!document.hidden) {
      try {
        await read();
        report('');
      } catch (error) {
        report(`No fresh figures: ${error.message}.`);
      }
    }
    setTimeout(live, period);
  }

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  new ResizeObserver(() => {
    for (const { plot, parent } of plots) {
      if (plot.width !== parent.clientWidth) plot.setSize({ width: parent.clientWidth, height: 220 });
    }
  }).observe(byId('main'));
  draw();
  live();
})();
