// node right-token.cjs PORT TOKEN_FILE SECONDS: eight clients at 127.0.0.2 that have a token and send a request 10 ms after each answer.
// Prints {"requests", "served", "p99Ms"}; a request without an answer of 2xx is not served.
'use strict';
const fs = require('node:fs');
const http = require('node:http');

const [port, tokenFile, seconds] = process.argv.slice(2);
const token = fs.readFileSync(tokenFile, 'utf8').trim();
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const end = performance.now() + Number(seconds) * 1000;
const times = [];
let requests = 0;
let served = 0;

const post = (user) => new Promise((resolve) => {
  const request = http.request({
    host: '127.0.0.1', localAddress: '127.0.0.2', port, agent, method: 'POST', path: `/reservation/2/${user}`,
    headers: { authorization: `Bearer ${token}` },
  }, (answer) => answer.resume().on('end', () => resolve(answer.statusCode)).on('error', () => resolve(0)));
  request.on('error', () => resolve(0)).end();
});

async function client() {
  while (performance.now() < end) {
    const begin = performance.now();
    requests += 1;
    const status = await post(requests);
    times.push(performance.now() - begin);
    if (status >= 200 && status < 300) served += 1;
    await sleep(10);
  }
}

Promise.all(Array.from({ length: 8 }, client)).then(() => {
  times.sort((a, b) => a - b);
  console.log(JSON.stringify({ requests, served, p99Ms: times[Math.ceil(times.length * 0.99) - 1] }));
  agent.destroy();
});
