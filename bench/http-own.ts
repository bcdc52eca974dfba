/**
 * Our side of H1 as programs of their own, so that readers, gateway and meters share no process.
 *
 *   node http-own.js gateway FILE                    a gateway; prints its address, ends when its standard input does
 *   node http-own.js readers URL SECONDS RATE READERS POINTS   reads; the token comes in GRIDTALLY_TOKEN; prints one JSON object
 *   node http-own.js clock URL ROUNDS PATH           asks one thing again and again; prints milliseconds until the last byte, as a JSON list
 */
import autocannon from 'autocannon'
import pino from 'pino'
import { loadGatewayConfig } from '../src/config/index.ts'
import { startGateway } from '../src/main.ts'

const runGateway = async (file: string): Promise<void> => {
  const loaded = loadGatewayConfig(file)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const started = await startGateway(loaded.value, pino({ level: 'silent' }))
  if (!started.ok) throw new Error(started.message)
  const gateway = started.value
  process.stdout.write(`${gateway.address}\n`)
  const { schedule } = gateway.field
  process.stdin.on('data', () => {
    const { read, missed } = schedule.totals()
    process.stdout.write(`${JSON.stringify({ read, missed, rssMb: process.memoryUsage.rss() / 2 ** 20 })}\n`)
  })
  await new Promise((resolve) => process.stdin.once('end', resolve))
  await gateway.close()
  process.exit(0)
}

/** What each of ten requests asks for: mostly the newest values of a meter, some a point, some its last hour. */
const pathOf = (turn: number, point: string): string => {
  if (turn < 7) return `/api/v1/points/${point}/latest`
  if (turn < 9) return `/api/v1/points/${point}`
  return `/api/v1/points/${point}/readings?limit=60`
}

const readers = async (url: string, seconds: number, rate: number, connections: number, points: number): Promise<void> => {
  const headers = { authorization: `Bearer ${process.env.GRIDTALLY_TOKEN ?? ''}` }
  const requests = Array.from({ length: 200 }, (_, at) => ({
    method: 'GET' as const,
    path: pathOf(at % 10, `P-${(at * 7919) % points}`),
    headers,
  }))
  const run = (duration: number) => autocannon({ url, connections, overallRate: rate, duration, requests })
  await run(3)
  const { latency, requests: done, non2xx, errors, timeouts } = await run(seconds)
  const figures = { p50: latency.p50, p99: latency.p99, most: latency.max, rate: done.average, failed: non2xx + errors + timeouts }
  process.stdout.write(`${JSON.stringify(figures)}\n`)
}

const clocked = async (url: string, rounds: number, path: string): Promise<void> => {
  const headers = { authorization: `Bearer ${process.env.GRIDTALLY_TOKEN ?? ''}` }
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    const began = performance.now()
    const answer = await fetch(new URL(path, url), { headers })
    for await (const _ of answer.body ?? []) {
      // Only until it is there.
    }
    times.push(performance.now() - began)
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
  }
  process.stdout.write(`${JSON.stringify(times)}\n`)
}

const [what, where = '', ...numbers] = process.argv.slice(2)
const [seconds = 0, rate = 0, connections = 0, points = 0] = numbers.map(Number)
if (what === 'gateway') await runGateway(where)
else if (what === 'clock') await clocked(where, seconds, numbers[1] ?? '')
else await readers(where, seconds, rate, connections, points)
