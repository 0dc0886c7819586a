// The moments of random patterns by cron-parser, as BullMQ brings it: cases(parser, seed, count).
//
// Returns [{pattern, zone, base (ms), seed (of H), answers: [at most three ms], error?: message}]. Each answer is a fresh search
// from the one before, as BullMQ makes them. The same seed gives the same cases. Half of the bases lie around clock changes.
'use strict';

const ZONES = ['Europe/Madrid', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'UTC', 'America/Santiago'];
const FIRST = Date.UTC(2016, 0, 1);
const LAST = Date.UTC(2045, 0, 1);
const DAY = 86400000;
const MONTHS = ['JAN', 'feb', 'Mar', 'APR', 'MAY', 'JUN', 'jul', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'mon', 'TUE', 'Wed', 'THU', 'FRI', 'SAT'];
const MACROS = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@hourly', '@minutely', '@secondly', '@weekdays',
  '@weekends', '@never', '@Daily'];
const RANGES = [[0, 59], [0, 59], [0, 23], [1, 31], [1, 12], [0, 7]];

function generator(seed) {
  let state = seed >>> 0;
  const fraction = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let x = state;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return ((x ^ (x >>> 15)) >>> 0) / 4294967296;
  };
  const between = (low, high) => low + Math.floor(fraction() * (high - low + 1));
  return { between, chance: (share) => fraction() < share, pick: (list) => list[between(0, list.length - 1)] };
}

const formats = new Map();
function offsetMinutes(zone, ms) {
  if (!formats.has(zone)) {
    formats.set(zone, new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric',
      day: 'numeric', hour: 'numeric', minute: 'numeric' }));
  }
  const part = Object.fromEntries(formats.get(zone).formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  return (Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute) - Math.floor(ms / 60000) * 60000) / 60000;
}

const knownChanges = new Map();
/** The moments at which the zone's clocks change. */
function clockChanges(zone) {
  if (knownChanges.has(zone)) return knownChanges.get(zone);
  const changes = [];
  knownChanges.set(zone, changes);
  for (let day = FIRST; day < LAST; day += DAY) {
    const before = offsetMinutes(zone, day);
    if (before === offsetMinutes(zone, day + DAY)) continue;
    let [low, high] = [day, day + DAY];
    while (high - low > 60000) {
      const middle = Math.floor((low + high) / 120000) * 60000;
      if (offsetMinutes(zone, middle) === before) low = middle;
      else high = middle;
    }
    changes.push(high);
  }
  return changes;
}

function patterns({ between, chance, pick }) {
  const number = ([low, high]) => between(chance(0.04) ? low - 1 : low, chance(0.04) ? high + 2 : high);

  function value(field, range) {
    if (field === 4 && chance(0.2)) return pick(MONTHS);
    if (field === 5 && chance(0.25)) return pick(WEEKDAYS);
    if (chance(0.04)) return pick(['H', 'L', `${between(0, 7)}L`, `H(${between(0, 5)}-${number(range)})`, '?', '*']);
    return String(number(range));
  }

  function item(field, range) {
    let text = value(field, range);
    if (chance(0.3)) {
      const low = number(range);
      text = `${low}-${chance(0.9) ? between(low, Math.max(low, range[1])) : number(range)}`;
      if (field === 5 && chance(0.2)) text = `${pick(WEEKDAYS)}-${pick(WEEKDAYS)}`;
    } else if (chance(0.2)) {
      text = pick(['*', '*', 'H', `H(${number(range)}-${number(range)})`, text]) + '/' + between(chance(0.03) ? 0 : 1, range[1]);
    }
    return chance(0.1) && text.includes('-') ? `${text}/${between(1, 10)}` : text;
  }

  function field(index, anyShare) {
    const range = RANGES[index];
    if (chance(anyShare)) return chance(0.9) ? '*' : '?';
    if (index < 3 && chance(0.35)) return `*/${pick([2, 3, 5, 10, 15, 20, 30, 45])}`;
    if (index === 3 && chance(0.1)) return 'L';
    if (index === 5 && chance(0.1)) return `${between(0, 7)}${pick(['L', '#1', '#2', '#4', '#5', `#${between(0, 6)}`])}`;
    return Array.from({ length: pick([1, 1, 1, 1, 2, 3]) }, () => item(index, range)).join(',');
  }

  const garble = (text) => {
    const at = between(0, text.length);
    return text.slice(0, at) + pick(['L', 'W', '#', '/', '-', ',', '*', '?', 'H', '(', ')', '7', '99', ' ', 'x', 'JAN', '1-5',
      '0', '5L', '\t']) + text.slice(at + between(0, 1));
  };

  return () => {
    if (chance(0.02)) return pick(MACROS);
    const anyDays = chance(0.5) ? 1 : 0.6;
    const fields = [field(0, 0.3), field(1, 0.25), field(2, 0.3), field(3, anyDays), field(4, 0.75), field(5, anyDays)];
    if (chance(0.5)) fields[0] = String(between(0, 59));
    const count = chance(0.03) ? between(1, 4) : chance(0.6) ? 5 : 6;
    const text = fields.slice(6 - count).join(' ');
    if (chance(0.01)) return `${text} *${' *'.repeat(6 - count)}`;
    // Beside H(a-b) and H/n cron-parser does not look at characters: there Drover is stricter.
    return chance(0.08) && !text.includes('H') ? garble(text) : text;
  };
}

/** The next three moments, and the error that stopped the search if there are fewer. */
function answer(parser, pattern, zone, base, hashSeed) {
  const answers = [];
  let from = base;
  try {
    while (answers.length < 3) {
      from = parser.parse(pattern, { currentDate: new Date(from), tz: zone, hashSeed }).next().getTime();
      answers.push(from);
    }
    return { answers };
  } catch (error) {
    return { answers, error: error.message };
  }
}

function cases(parser, seed, count) {
  const random = generator(seed);
  const pattern = patterns(random);
  return Array.from({ length: count }, () => {
    const zone = random.pick(ZONES);
    const changes = clockChanges(zone);
    const base = changes.length > 0 && random.chance(0.5)
      ? random.pick(changes) + random.between(-30 * 3600, 4 * 3600) * 1000 + (random.chance(0.2) ? 1 : 0)
      : random.between(FIRST, LAST);
    const one = { pattern: pattern(), zone, base, seed: `scheduler-${random.between(1, 99)}` };
    return { ...one, ...answer(parser, one.pattern, zone, base, one.seed) };
  });
}

module.exports = { cases };
