import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { decodeMessage, type PushEnvironment } from '../protocols/index.ts'
import { compiledMappings, openMappings } from '../src/gateway/mappings.ts'
import { PushNormaliser } from '../src/gateway/push-readings.ts'
import { pushWorld } from '../src/gateway/push-world.ts'
import { type Anchor, type BenchContext, interleaved, median, NotHere } from './anchor.ts'
import { messageOf } from './mqtt-message.ts'
import { numberFromOwn, projectRoot } from './reference/programs.ts'

const CONNECTIONS = 16
const MESSAGES_A_SECOND = 10_000

const mosquitto = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto'].find((path) => existsSync(path))

/** M1: what a broker's messages cost on their way to the disk, beside a subscriber that acknowledges at once and keeps nothing. */
export const pushRate: Anchor = {
  id: 'M1',
  title: `MQTT: mosquitto -> mapping -> outbox, synced -> PUBACK, ${CONNECTIONS} connections, ÷ bare mqtt subscriber that acknowledges at once`,
  better: 'higher',
  must: 0.6,
  goal: 0.8,
  async run(context) {
    if (mosquitto === undefined) throw new NotHere('mosquitto is not installed: apt-get install mosquitto')
    const messages = Math.round(MESSAGES_A_SECOND * context.seconds)
    const published: number[] = []
    const side = async (kind: 'bare' | 'gateway'): Promise<number> => {
      const broker = await startBroker(context)
      try {
        const subscriber = spawn(
          process.execPath,
          [join(projectRoot(), 'dist', 'bench', 'mqtt-own.js'), kind, broker.url, String(messages), String(CONNECTIONS)],
          { stdio: ['ignore', 'pipe', 'inherit'] },
        )
        const lines = createInterface({ input: subscriber.stdout })[Symbol.asyncIterator]()
        const { value: ready } = await lines.next()
        if (ready !== 'ready') throw new Error(`the subscriber said ${JSON.stringify(ready)}`)
        const [rate, sent] = await Promise.all([
          lines.next().then(({ value }) => Number(value)),
          numberFromOwn(null, 'bench/mqtt-own', ['publish', broker.url, String(messages)]),
        ])
        published.push(sent)
        if (!Number.isFinite(rate)) throw new Error('the subscriber printed no figure')
        return rate
      } finally {
        await broker.close()
      }
    }
    const { rounds, ...outcome } = await interleaved(
      context,
      () => side('gateway'),
      () => side('bare'),
    )
    return {
      ...outcome,
      unit: 'messages/s',
      detail: { rounds: rounds.length, messages, 'bytes a message': messageOf(1, 1).length, 'publisher, messages/s': median(published) },
    }
  },
}

/** M2: one message of about 300 bytes to readings, JSON included; all built-in mappings are loaded. */
export const mappingCost: Anchor = {
  id: 'M2',
  title: 'mapping: a message of 300 bytes to readings, microseconds (beside: JSON.parse and 12 fields by hand)',
  better: 'lower',
  must: 15,
  goal: 8,
  async run(context) {
    const world = pushWorld('UTC', { get: () => undefined })
    const mappings = compiledMappings(openMappings(null, world))
    const environment: PushEnvironment = { ...world, windows: true, explain: false }
    const one = { raw: 1, scaler: 0 }
    const normaliser = new PushNormaliser({ facts: { meter: 'M1', point: 'P1', area: 'A1', ct: one, pt: one }, isRegistered: true })
    const payloads = Array.from({ length: 1000 }, (_, second) => new TextEncoder().encode(messageOf(1, second)))
    const arrivedAt = Date.UTC(2026, 0, 1, 1)
    let values = 0
    const map = (payload: Uint8Array): void => {
      const message = { topic: 'tele/meter-1/SENSOR', payload, retained: false, duplicate: false, arrivedAt }
      for (const record of decodeMessage(mappings, message, environment).records)
        for (const { raws } of normaliser.readings(record, record.measuredAt ?? arrivedAt, arrivedAt)) values += raws.length
    }
    const utf8 = new TextDecoder()
    const byHand = (payload: Uint8Array): void => {
      const { Time, ENERGY: energy } = JSON.parse(utf8.decode(payload))
      const { Total, Power, ApparentPower, ReactivePower, Factor, Voltage, Current, Today, Yesterday, Period, TotalStartTime } = energy
      const fields = [Time, Total, Power, ApparentPower, ReactivePower, Factor, Voltage, Current, Today, Yesterday, Period, TotalStartTime]
      values += fields.length
    }
    const micros = (work: (payload: Uint8Array) => void): number => {
      const began = performance.now()
      let done = 0
      do {
        for (const payload of payloads) work(payload)
        done += payloads.length
      } while (performance.now() - began < 250 * context.seconds)
      return ((performance.now() - began) * 1000) / done
    }
    micros(map)
    micros(byHand)
    const { ours, reference, rounds } = await interleaved(
      context,
      async () => micros(map),
      async () => micros(byHand),
    )
    if (values === 0) throw new Error('no value came out')
    return {
      ours,
      reference,
      ratio: ours,
      unit: 'µs',
      detail: { rounds: rounds.length, mappings: mappings.length, 'bytes a message': payloads[0]?.length ?? 0 },
    }
  },
}

const startBroker = async (context: Pick<BenchContext, 'onEnd'>): Promise<{ readonly url: string; close(): Promise<void> }> => {
  const folder = mkdtempSync(join(tmpdir(), 'gridtally-bench-'))
  context.onEnd(() => rmSync(folder, { recursive: true, force: true }))
  const port = await freePort()
  const file = join(folder, 'mosquitto.conf')
  const user = process.getuid?.() === 0 ? 'user root\n' : ''
  writeFileSync(file, `${user}listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nlog_dest none\n`)
  const broker = spawn(mosquitto ?? 'mosquitto', ['-c', file], { stdio: 'ignore' })
  context.onEnd(() => ended(broker))
  for (let tries = 0; !(await listens(port)); tries++) {
    if (tries > 500 || broker.exitCode !== null) throw new Error('mosquitto did not start')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return { url: `mqtt://127.0.0.1:${port}`, close: () => ended(broker) }
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address === null || typeof address === 'string' ? reject(new Error('no port')) : resolve(address.port)))
    })
  })

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
