// How the programs of tests reach a Redis of theirs on a loopback port: as redisAt() of RedisServer.h does.
'use strict';

const fs = require('node:fs');

const { DROVER_REDIS_TLS_CA: ca, DROVER_REDIS_TLS_SERVERNAME: servername } = process.env;

/** Returns the option `connection` of BullMQ's classes, and the options of ioredis. */
function redisAt(port) {
  return { host: '127.0.0.1', port: Number(port), ...(ca && { tls: { ca: fs.readFileSync(ca), servername } }) };
}

module.exports = { redisAt };
