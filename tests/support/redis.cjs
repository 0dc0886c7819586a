// How the programs of tests reach a Redis of theirs on a loopback port: as redisAt() of RedisServer.h does.
'use strict';

const fs = require('node:fs');

const IORedis = require('ioredis');

const {
  DROVER_REDIS_TLS_CA: ca,
  DROVER_REDIS_TLS_SERVERNAME: servername,
  DROVER_TEST_PLAIN_PORT: plainPort,
  DROVER_TEST_TOPOLOGY: topology,
} = process.env;

/** Begins the names of queues, see RedisServer.h. */
const queueTag = topology === 'cluster' ? '{b}' : '';

/** The prefix of queues without that tag, see redisLines() of RedisServer.h. */
const prefix = topology === 'cluster' ? '{bull}' : 'bull';

/**
 * Returns the option `connection` of BullMQ's classes. In a cluster it is a client, which all of them share and none closes: the
 * program ends by process.exit().
 */
function redisAt(port, options = {}) {
  const address = { host: '127.0.0.1', port: Number(port) };
  if (topology === 'cluster') {
    return new IORedis.Cluster([address], { redisOptions: { maxRetriesPerRequest: null, ...options } });
  }
  if (topology === 'sentinel') return { sentinels: [address], name: 'mymaster', ...options };
  return { ...address, ...(ca && { tls: { ca: fs.readFileSync(ca), servername } }), ...options };
}

/** Where the server itself is, without TLS: of runNodeScript() and of NodePeer. */
const server = { host: '127.0.0.1', port: Number(plainPort) };

/** Returns a client of the server itself, for what a test looks at. */
function serverClient() {
  return new IORedis({ ...server, maxRetriesPerRequest: null });
}

module.exports = { prefix, queueTag, redisAt, server, serverClient };
