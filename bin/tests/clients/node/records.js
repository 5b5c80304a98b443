// What record NUMBER is: the rule of records.py.

const partitions = 4
const records = 1000
const firstTimestamp = 1_700_000_000_000
const noNullHeaders = ['kafka-python', 'kafkajs']

function headers(number, writer) {
  const text = (it) => Buffer.from(it)
  if (number % 3 === 0) {
    return { number: text(`${number}`), twice: [text('a'), text('b')], empty: text('') }
  }
  if (number % 3 === 1) return {}
  return { null: noNullHeaders.includes(writer) ? text('') : null }
}

function record(number, writer) {
  let value = Buffer.from(`${number}/`.repeat(1 + (number % 60)))
  if (number % 10 === 4) value = null
  if (number % 10 === 5) value = Buffer.alloc(0)
  return {
    key: number % 10 === 9 ? null : Buffer.from(`clé-${number}`),
    value,
    headers: headers(number, writer),
    timestamp: `${firstTimestamp + 1000 * number}`,
  }
}

module.exports = { firstTimestamp, partitions, record, records }
