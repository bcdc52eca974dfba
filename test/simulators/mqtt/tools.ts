import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { connect as dial } from 'node:net'
import { join } from 'node:path'
import { connect, type MqttClient } from 'mqtt'
import { onTestFinished } from 'vitest'
import { freePort } from '../../../simulators/free-port.ts'
import { type Device, type FamilyId, familyOf, Instrument, loneTrace, pushAddressOf, type Report } from '../../../simulators/index.ts'
import { scratch } from '../../support/processes.ts'

export const now = Date.UTC(2026, 10, 21, 12, 34, 56)

/** Waits for a condition; the test's own time limit ends it. */
export const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((next) => setTimeout(next, 5))
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = dial(port, '127.0.0.1')
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })

const PROGRAM = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto'].find((path) => existsSync(path)) ?? 'mosquitto'

/** A real mosquitto with a configuration of its own. */
export const mosquitto = async (port?: number): Promise<{ readonly url: string; readonly port: number; stop(): Promise<void> }> => {
  const at = port ?? (await freePort())
  const file = join(scratch(), 'mosquitto.conf')
  writeFileSync(file, `listener ${at} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n`)
  const child: ChildProcess = spawn(PROGRAM, ['-c', file], { stdio: 'ignore' })
  let ended = false
  const gone = new Promise<void>((resolve) =>
    child.once('exit', () => {
      ended = true
      resolve()
    }),
  )
  const stop = async (): Promise<void> => {
    if (!ended) child.kill('SIGTERM')
    await gone
  }
  onTestFinished(stop)
  while (!(await answers(at))) if (ended) throw new Error('mosquitto ended')
  return { url: `mqtt://127.0.0.1:${at}`, port: at, stop }
}

/** What a listener heard. */
export interface Heard {
  readonly topic: string
  readonly payload: Buffer
  readonly retain: boolean
}

/** Subscribes to everything; `take` sees each message in the turn in which it came. */
export const listen = async (
  url: string,
  take: (heard: Heard) => void = () => {},
): Promise<{ readonly heard: Heard[]; readonly client: MqttClient }> => {
  const client = connect(url, { reconnectPeriod: 200 })
  client.on('error', () => {})
  onTestFinished(() => client.endAsync(true))
  const heard: Heard[] = []
  client.on('message', (topic, payload, { retain }) => {
    const message = { topic, payload, retain }
    heard.push(message)
    take(message)
  })
  await new Promise<void>((resolve) => client.once('connect', () => resolve()))
  await client.subscribeAsync('#', { qos: 1 })
  return { heard, client }
}

export const instrumentOf = (id: string, phases: 1 | 3, ratio = 1): Instrument =>
  new Instrument({ id, seed: 7, trace: loneTrace(3, phases), ct: ratio })

export const deviceFor = (family: FamilyId, id: string, phases: 1 | 3, ratio = 1): Device => ({
  meter: id,
  serial: Number(id.slice(1)),
  address: pushAddressOf(family, id),
  instrument: instrumentOf(id, phases, ratio),
})

export const reportOf = (device: Device, number = 0, has: Report['has'] = () => true): Report => ({
  device,
  at: now,
  own: now,
  number,
  has,
})

/** First report of a family's meter: topics and texts. */
export const spoken = (family: FamilyId, phases: 1 | 3, number = 0, ratio = 1, has?: Report['has']) => {
  const device = deviceFor(family, 'M0007', phases, ratio)
  const known = familyOf(family)
  if (!known) throw new Error(`no family ${family}`)
  const drafts = known.talk([device]).report([reportOf(device, number, has)])
  return { device, drafts, texts: drafts.map(({ topic, payload }) => [topic, Buffer.from(payload).toString()] as const) }
}
