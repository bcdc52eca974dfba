/**
 * Our side of H1 as programs of their own, so that readers, gateway and meters share no process.
 *
 *   node http-own.js gateway FILE                    a gateway; prints its address, ends when its standard input does
 *   node http-own.js readers URL SECONDS RATE READERS POINTS   reads; the token comes in GRIDTALLY_TOKEN; prints one JSON object
 *   node http-own.js clock URL ROUNDS PATH           asks one thing again and again; prints milliseconds until the last byte, as a JSON list
 */
import { Agent, get } from 'node:http'
import pino from 'pino'
import { giveBackMemory } from '../src/cli/memory.ts'
import { loadGatewayConfig } from '../src/config/index.ts'
import { startGateway } from '../src/main.ts'

const runGateway = async (file: string): Promise<void> => {
  const loaded = loadGatewayConfig(file)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const started = await startGateway(loaded.value, pino({ level: 'silent' }), process.env, giveBackMemory)
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

/** Milliseconds until the last byte of one answer. @throws  when it is no answer of 200 */
const once = (url: URL, headers: Readonly<Record<string, string>>, agent: Agent): Promise<void> =>
  new Promise((resolve, reject) => {
    const call = get(url, { headers, agent }, (answer) => {
      answer.on('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error(`${url.pathname}: ${answer.statusCode}`))))
      answer.on('error', reject)
      answer.resume()
    })
    call.on('error', reject)
  })

/**
 * Readers that each ask at even distances, one after the other in turn, so that requests come as evenly as a thousand of strangers' do. What is
 * measured begins when the request was due: one that waits for its reader's last answer has waited.
 */
const readers = async (url: string, seconds: number, rate: number, connections: number, points: number): Promise<void> => {
  const headers = { authorization: `Bearer ${process.env.GRIDTALLY_TOKEN ?? ''}` }
  const paths = Array.from({ length: 200 }, (_, at) => new URL(pathOf(at % 10, `P-${(at * 7919) % points}`), url))
  const every = (1000 * connections) / rate
  const run = async (duration: number) => {
    const times: number[] = []
    let failed = 0
    const began = performance.now() + 50
    const reader = async (nth: number): Promise<void> => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      for (let turn = 0; turn * every < duration * 1000; turn++) {
        const due = began + (nth * every) / connections + turn * every
        const wait = due - performance.now()
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
        const path = paths[(nth * 31 + turn) % paths.length]
        // A timer is early or late by up to a millisecond by itself: that is the reader's.
        const from = Math.min(performance.now(), due + 1)
        try {
          if (path) await once(path, headers, agent)
        } catch {
          failed++
        }
        times.push(performance.now() - from)
      }
      agent.destroy()
    }
    await Promise.all(Array.from({ length: connections }, (_, nth) => reader(nth)))
    return { times: times.sort((one, other) => one - other), failed, ms: performance.now() - began }
  }
  await run(3)
  const { times, failed, ms } = await run(seconds)
  const at = (share: number) => Math.round((times[Math.floor(times.length * share)] ?? 0) * 10) / 10
  const figures = { p50: at(0.5), p99: at(0.99), most: at(0.99999), rate: Math.round((1000 * times.length) / ms), failed }
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
