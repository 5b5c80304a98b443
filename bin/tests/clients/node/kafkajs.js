// An unmodified kafkajs against a running broker: bootstrap address, node count. kafkajs has no
// consumer without a group, so records are read back by kcat, and this program checks what was
// acknowledged.

const assert = require('node:assert')
const { execFileSync } = require('node:child_process')
const kafkajs = require('kafkajs')
const lz4 = require('lz4-napi')
const snappy = require('snappy')
const { ZstdCodec } = require('zstd-codec')

const { CompressionTypes, CompressionCodecs, Kafka, logLevel } = kafkajs
const [bootstrap, nodes] = process.argv.slice(2)
const name = `kafkajs ${require('kafkajs/package.json').version}`
const topic = 'kafkajs'
const partitions = 4
const records = 500

const codecs = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

async function addCodecs() {
  const codec = (compress, decompress) => () => ({
    compress: async (encoder) => Buffer.from(await compress(encoder.buffer)),
    decompress: async (buffer) => Buffer.from(await decompress(buffer)),
  })
  const zstd = await new Promise((done) => ZstdCodec.run((it) => done(new it.Simple())))
  CompressionCodecs[CompressionTypes.Snappy] = codec(snappy.compress, snappy.uncompress)
  CompressionCodecs[CompressionTypes.LZ4] = codec(lz4.compressFrame, lz4.decompressFrame)
  CompressionCodecs[CompressionTypes.ZSTD] = codec(
    async (bytes) => zstd.compress(bytes),
    async (bytes) => zstd.decompress(bytes),
  )
}

async function produce(kafka, codec, idempotent, sent) {
  const producer = kafka.producer({
    idempotent,
    maxInFlightRequests: 1,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  const kind = idempotent ? `idempotent-${codec}` : codec
  for (let batch = 0; batch < 5; batch++) {
    const messages = []
    for (let number = batch * (records / 5); number < (batch + 1) * (records / 5); number++) {
      const key = `${kind}-${number}`
      messages.push({ key, value: key.repeat(1 + (number % 40)) })
      sent.set(key, key.repeat(1 + (number % 40)))
    }
    const acks = -1
    const results = await producer.send({ topic, acks, compression: codecs[codec], messages })
    assert(results.every((result) => result.errorCode === 0 && Number(result.baseOffset) >= 0))
  }
  await producer.disconnect()
}

function consume() {
  const found = new Map()
  const format = ['-f', '%k\\t%s\\n']
  for (let partition = 0; partition < partitions; partition++) {
    const place = ['-t', topic, '-p', String(partition), '-o', 'beginning', '-e', '-q']
    const text = execFileSync('kcat', ['-b', bootstrap, '-C', ...place, ...format], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    })
    for (const line of text.split('\n').filter((line) => line)) {
      const [key, value] = line.split('\t')
      assert(!found.has(key), `${key} came twice`)
      found.set(key, value)
    }
  }
  return found
}

async function main() {
  await addCodecs()
  const kafka = new Kafka({ clientId: 'check', brokers: [bootstrap], logLevel: logLevel.ERROR })
  const admin = kafka.admin()
  await admin.connect()
  const cluster = await admin.describeCluster()
  assert.strictEqual(cluster.brokers.length, Number(nodes), 'one node for each core')
  const topics = [{ topic, numPartitions: partitions, replicationFactor: 1 }]
  assert(await admin.createTopics({ topics, waitForLeaders: true }))
  const begun = Date.now() - 1000
  const sent = new Map()
  for (const codec of Object.keys(codecs)) {
    await produce(kafka, codec, false, sent)
    console.log('PASS', name, 'produce', codec)
  }
  await produce(kafka, 'gzip', true, sent)
  console.log('PASS', name, 'idempotent produce')
  assert.deepStrictEqual(new Map([...consume()].sort()), new Map([...sent].sort()))
  console.log('PASS', name, 'records as kcat reads them')
  const offsets = await admin.fetchTopicOffsets(topic)
  const count = offsets.reduce((sum, at) => sum + Number(at.high) - Number(at.low), 0)
  assert.strictEqual(count, sent.size)
  const byTime = await admin.fetchTopicOffsetsByTimestamp(topic, begun)
  assert(byTime.every((at) => at.offset === '0'), JSON.stringify(byTime))
  console.log('PASS', name, 'offsets')
  await admin.deleteTopics({ topics: [topic] })
  assert(!(await admin.listTopics()).includes(topic))
  console.log('PASS', name, 'admin')
  await admin.disconnect()
}

main().catch((error) => {
  console.error('FAIL', name, error)
  process.exit(1)
})
