import { readdirSync, readFileSync, statSync } from 'node:fs'
import * as http from 'node:http'
import { join } from 'node:path'
import type { Reading } from '../src/core/reading.ts'
import { openInfluxStore } from '../src/store/influx/index.ts'
import { LineBatch, LineNames } from '../src/store/influx/line-protocol.ts'
import { type Influxd, programPath, startInfluxd } from '../test/support/influxd.ts'
import { type Anchor, type BenchContext, interleaved, median, NotHere } from './anchor.ts'
import { FIELDS, meterRows, STEP_MS } from './rows.ts'
import { BENCH_START, FULL_SIZE, type Measured, type StoreBenchSize } from './store.ts'

const BATCH = 5000
const CONNECTIONS = 2
const DATABASE = 'bench'
const METERS = 20_000
/** Quarter-hours of all meters in one round of one side: 120,000 rows, about four seconds of a 1.6 server. */
const STEPS_A_ROUND = 6

const startServer = async (context: Pick<BenchContext, 'onEnd'>, config = {}): Promise<Influxd> => {
  if (programPath('influxd') === null) throw new NotHere('influxd is not installed: apt-get install influxdb')
  // On a busy machine a batch may take longer than the server's own ten seconds; it would answer 500 and store it all the same.
  const server = await startInfluxd({ coordinator: { 'write-timeout': '120s' }, ...config })
  context.onEnd(() => server.destroy())
  await server.query(`CREATE DATABASE ${DATABASE}`)
  return server
}

/** Rows as requests, built beforehand: the least work a client can have. */
const bodiesOf = (readings: readonly Reading[], names: LineNames): Buffer[] => {
  const batch = new LineBatch(2 << 20)
  const bodies: Buffer[] = []
  for (let from = 0; from < readings.length; from += BATCH) {
    batch.clear()
    for (let index = from; index < Math.min(from + BATCH, readings.length); index++) {
      const error = batch.add(readings[index]!, index, names)
      if (error) throw new Error(error.message)
    }
    bodies.push(Buffer.from(batch.slice()))
  }
  return bodies
}

/** The twelve values alone, without ratio, quality and receipt: what a bare collector would store. */
const bare = (body: Buffer): Buffer =>
  Buffer.from(
    body
      .toString('latin1')
      .replace(/ratio=\d+,quality=\d+i,received=\d+i,/g, '')
      .replace(/,absent=\d+i /g, ' '),
    'latin1',
  )

/** Sends prebuilt bodies over kept connections, each busy all the time. @returns milliseconds */
const postAll = async (url: string, bodies: readonly Buffer[]): Promise<number> => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  let next = 0
  const post = (body: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-length': body.length }
      const request = http.request(`${url}/write?db=${DATABASE}&precision=ms`, { method: 'POST', agent, headers }, (response) => {
        response.resume()
        response.on('end', () => (response.statusCode === 204 ? resolve() : reject(new Error(`HTTP ${response.statusCode}`))))
      })
      request.on('error', reject)
      request.end(body)
    })
  const worker = async (): Promise<void> => {
    for (let body = bodies[next++]; body; body = bodies[next++]) await post(body)
  }
  const began = performance.now()
  await Promise.all(Array.from({ length: CONNECTIONS }, worker))
  const ms = performance.now() - began
  agent.destroy()
  return ms
}

/** Processor time of a process in microseconds. @source proc(5), /proc/pid/stat, fields 14 and 15, in hundredths of a second */
const cpuOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

interface Round {
  readonly rowsPerS: number
  readonly clientUsPerRow: number
  readonly serverUsPerRow: number
}

/** Both ways into one server, with rows nobody has sent before. */
const openSides = async (context: BenchContext) => {
  const server = await startServer(context)
  const opened = await openInfluxStore({ url: server.url, version: 'v1', database: DATABASE, batch: BATCH, timeoutMs: 120_000 })
  if (!opened.ok) throw new Error(opened.error.message)
  const sink = opened.value
  context.onEnd(() => sink.close())
  const stepsARound = context.quick ? 1 : STEPS_A_ROUND
  const steps = meterRows(METERS, (2 * context.rounds + 2) * stepsARound, BENCH_START)
  const take = (): Reading[] => {
    const readings: Reading[] = []
    for (let step = 0; step < stepsARound; step++) readings.push(...(steps.next().value ?? []))
    return readings
  }
  const measured = async (rows: number, work: () => Promise<number>): Promise<Round> => {
    const [cpu, serverCpu] = [process.cpuUsage(), cpuOf(server.pid())]
    const ms = await work()
    const { user, system } = process.cpuUsage(cpu)
    return {
      rowsPerS: rows / (ms / 1000),
      clientUsPerRow: (user + system) / rows,
      serverUsPerRow: (cpuOf(server.pid()) - serverCpu) / rows,
    }
  }
  /** The whole write path, one call after the other, as the outbox calls it. */
  const ours = async (): Promise<Round> => {
    const readings = take()
    return await measured(readings.length, async () => {
      const began = performance.now()
      for (let from = 0; from < readings.length; from += sink.batch) {
        const answer = await sink.write(readings.slice(from, from + sink.batch))
        if (answer.kind !== 'stored' || answer.dead.length > 0) throw new Error('rows were refused')
      }
      return performance.now() - began
    })
  }
  const names = new LineNames()
  const raw = async (): Promise<Round> => {
    const readings = take()
    const bodies = bodiesOf(readings, names)
    return await measured(readings.length, () => postAll(server.url, bodies))
  }
  // The first rounds make the series known to the server, and the code hot.
  await ours()
  await raw()
  return { ours, raw }
}

/** A3: rows a second through the whole write path, readings to acknowledged points, beside bodies built beforehand. */
export const influxRate: Anchor = {
  id: 'A3',
  title: 'rows/s stored in InfluxDB through the whole write path ÷ raw prebuilt /write bodies, 2 connections, 5,000 rows each',
  better: 'higher',
  must: 0.9,
  goal: 0.97,
  async run(context) {
    const sides = await openSides(context)
    const clients: number[] = []
    const { rounds, ...outcome } = await interleaved(
      context,
      async () => {
        const round = await sides.ours()
        clients.push(round.clientUsPerRow)
        return round.rowsPerS
      },
      async () => (await sides.raw()).rowsPerS,
    )
    return { ...outcome, unit: 'rows/s', detail: { 'our CPU µs/row': median(clients), rounds: rounds.length, 'values a row': FIELDS } }
  },
}

/** A4: what our writer costs beside what the server costs, per row, in the same seconds. */
export const influxWriterCost: Anchor = {
  id: 'A4',
  title: 'CPU per row: our writer ÷ InfluxDB',
  better: 'lower',
  must: 0.1,
  goal: 0.05,
  async run(context) {
    const sides = await openSides(context)
    const rounds: Round[] = []
    for (let round = 0; round < context.rounds; round++) {
      const one = await sides.ours()
      rounds.push(one)
      context.log(`round ${round + 1}: ${one.clientUsPerRow.toFixed(2)} against ${one.serverUsPerRow.toFixed(1)} µs`)
    }
    return {
      ours: median(rounds.map(({ clientUsPerRow }) => clientUsPerRow)),
      reference: median(rounds.map(({ serverUsPerRow }) => serverUsPerRow)),
      ratio: median(rounds.map(({ clientUsPerRow, serverUsPerRow }) => clientUsPerRow / serverUsPerRow)),
      unit: 'µs/row',
      detail: { rounds: rounds.length, 'rows/s': median(rounds.map(({ rowsPerS }) => rowsPerS)) },
    }
  },
}

/** What a folder takes on the disk; files made large in advance count with what they hold. */
const bytesUnder = (folder: string): number =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(folder, name), { throwIfNoEntry: false }))
    .reduce((sum, stat) => sum + (stat?.isFile() ? stat.blocks * 512 : 0), 0)

/** Waits until the server has nothing left to compact: no change of its files for a while. */
const settled = async (folder: string, quietMs: number): Promise<number> => {
  let bytes = -1
  for (let quiet = performance.now(); performance.now() - quiet < quietMs; ) {
    const now = bytesUnder(folder)
    if (now !== bytes) {
      bytes = now
      quiet = performance.now()
    }
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  return bytes
}

/**
 * InfluxDB's side of A5, A6 and A7, for the embedded store to be compared with: rows a second of raw bodies, bytes a value as written
 * and fully compacted, seconds for the latest values of all meters and for energy by area and day. Bare rows: the twelve values alone,
 * which is less than the embedded store keeps of each.
 */
export const measureInflux = async (
  context: Pick<BenchContext, 'onEnd' | 'log'>,
  { meters, steps }: StoreBenchSize = FULL_SIZE,
): Promise<readonly Measured[]> => {
  const server = await startServer(context, {
    data: { 'cache-snapshot-write-cold-duration': '5s', 'compact-full-write-cold-duration': '10s' },
  })
  const names = new LineNames()
  let ms = 0
  let rows = 0
  for (const step of meterRows(meters, steps, BENCH_START)) {
    const bodies = bodiesOf(step, names).map(bare)
    ms += await postAll(server.url, bodies)
    rows += step.length
    if (rows % (meters * 24) === 0) context.log(`InfluxDB: ${rows} rows, ${Math.round(rows / (ms / 1000))} rows/s`)
  }
  const fresh = bytesUnder(join(server.folder, 'data')) + bytesUnder(join(server.folder, 'wal'))
  context.log('InfluxDB: compacting')
  const compacted = await settled(join(server.folder, 'data'), 20_000)
  const values = rows * FIELDS

  const seconds = async (question: string, wanted: number): Promise<number> => {
    const began = performance.now()
    const blocks = await server.query(question, DATABASE)
    const took = (performance.now() - began) / 1000
    const found = blocks.reduce((sum, block) => sum + block.values.length, 0)
    if (found < wanted) throw new Error(`${found} rows, ${wanted} expected: ${question}`)
    return took
  }
  const [first] = meterRows(1, 1, BENCH_START)
  const fields = first![0]!.shape.columns.map(({ field }) => field)
  const end = BENCH_START + steps * STEP_MS
  const days = Math.ceil((steps * STEP_MS) / 86_400_000)
  const latest = `SELECT ${fields.map((field) => `last("${field}")`).join(', ')} FROM register GROUP BY meter`
  const energy =
    'SELECT sum(e) FROM (SELECT max("1.8.0") - min("1.8.0") AS e FROM register ' +
    `WHERE time >= ${BENCH_START}ms AND time < ${end}ms GROUP BY meter, area, time(1d)) ` +
    `WHERE time >= ${BENCH_START}ms AND time < ${end}ms GROUP BY area, time(1d) tz('Asia/Shanghai')`
  const measured: Measured[] = [
    { name: 'InfluxDB raw rows', value: rows / (ms / 1000), unit: 'rows/s' },
    { name: 'InfluxDB fresh', value: fresh / values, unit: 'bytes/value' },
    { name: 'InfluxDB compacted', value: compacted / values, unit: 'bytes/value' },
  ]
  context.log('InfluxDB: latest of all meters')
  measured.push({ name: 'InfluxDB latest of all meters, 12 values each', value: 1000 * (await seconds(latest, meters)), unit: 'ms' })
  context.log('InfluxDB: energy by area and day')
  measured.push({ name: 'InfluxDB energy by area and day', value: 1000 * (await seconds(energy, days)), unit: 'ms' })
  return measured
}
