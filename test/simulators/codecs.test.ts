import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { dlt6451997, dlt6452007 } from '../../protocols/dlt645/adapter.ts'
import { modbusRtu, modbusTcp } from '../../protocols/modbus/adapter.ts'
import { instantOf, localText } from '../../simulators/calendar.ts'
import { startDlt645Line, startVillage, type Village } from '../../simulators/index.ts'
import {
  compare,
  decimalText,
  type GatewayError,
  isDiscarded,
  type Profile,
  type ProtocolAdapter,
  parseDecimal,
  type ReadKind,
  type Result,
  type Sample,
} from '../../src/core/index.ts'
import { handClock } from './tools.ts'

/** The gateway's own codecs, written apart from the simulators, must read what the truth log says was sent. */
const now = Date.UTC(2026, 10, 21, 11, 7, 45)

const profiles = new Map<string, Profile>()
for (const protocol of ['modbus', 'dlt645']) {
  const folder = new URL(`../../config/profiles/${protocol}/`, import.meta.url)
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
    const profile: Profile = JSON.parse(readFileSync(new URL(name, folder), 'utf8'))
    profiles.set(profile.id, profile)
  }
}

/** Carries a read out on a socket: one request, then bytes until a frame answers it. */
const read = async <Frame extends object>(
  adapter: ProtocolAdapter<Frame>,
  profileId: string,
  address: string,
  port: number,
  kind: ReadKind,
  more = {},
) => {
  const plan = adapter.plan(profiles.get(profileId)!, { kind, ...more })
  if (!plan.ok) throw new Error(plan.error.message)
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const deframer = adapter.deframer()
  const talk = plan.value.talk(address, new Map())
  let step = talk.next()
  while (!step.done) {
    const request = step.value
    const reply = await new Promise<Result<Frame>>((resolve) => {
      const timer = setTimeout(() => resolve({ ok: false, error: SILENT }), 1000)
      const take = (bytes: Buffer): void => {
        for (const item of deframer.push(bytes)) {
          if (isDiscarded(item) || request.judge(item) !== 'answer') continue
          clearTimeout(timer)
          socket.off('data', take)
          resolve({ ok: true, value: item })
          return
        }
      }
      socket.on('data', take)
      socket.write(request.bytes)
    })
    step = talk.next(reply)
  }
  socket.destroy()
  return { values: plan.value.values, result: step.value }
}
const SILENT: GatewayError = { code: 'TEST_SILENT', message: 'no answer', recovery: 'retry', hint: '', context: {} }

const samplesOf = (result: Result<readonly Sample[]>): readonly Sample[] => {
  if (!result.ok) throw new Error(`${result.error.code} ${result.error.message}`)
  return result.value
}

const adapterOf = (village: Village, id: string) => {
  const meter = village.meters.find((one) => one.id === id)!
  const line = village.lines.find((one) => one.id === meter.line)!
  return { meter, port: line.port, kind: line.kind }
}

it('reads every meter of a village, every value as the truth log has it', async () => {
  const out = mkdtempSync(join(tmpdir(), 'codecs-'))
  onTestFinished(() => rmSync(out, { recursive: true, force: true }))
  const village = await startVillage({ seed: 21, meters: 40, out, clock: handClock(now), pace: {} })
  onTestFinished(() => village.close())
  const heard: { meter: string; obis: string; text: string; at: string | null }[] = []
  for (const { id } of village.meters) {
    const { meter, port, kind } = adapterOf(village, id)
    const kinds: ReadKind[] = kind === 'dlt645' ? ['current', 'day-freeze', 'month-freeze', 'curve'] : ['current']
    for (const wanted of kinds) {
      const more =
        wanted === 'curve'
          ? {
              since: { year: 2026, month: 11, day: 21, hour: 17, minute: 0, second: 0 },
              until: { year: 2026, month: 11, day: 21, hour: 19, minute: 0, second: 0 },
            }
          : {}
      const { values, result } =
        kind === 'dlt645'
          ? await read(dlt6452007, meter.profile, meter.address, port, wanted, more)
          : await read(kind === 'modbus-tcp' ? modbusTcp : modbusRtu, meter.profile, meter.address, port, wanted, more)
      const samples = samplesOf(result)
      if (wanted === 'curve') expect(samples).toHaveLength(9)
      for (const { at, raws, scalers } of samples)
        for (const [column, raw] of raws.entries()) {
          if (raw === null) throw new Error(`${id} ${meter.profile} ${wanted}: ${values[column]!.obis} is absent`)
          heard.push({
            meter: id,
            obis: values[column]!.obis,
            text: decimalText(raw, values[column]!.scaler ?? scalers![column]!),
            at: at && localText(instantOf(at)),
          })
        }
    }
  }
  expect(heard.length).toBeGreaterThan(2000)
  const said = new Map<string, Set<string>>()
  for (const text of readFileSync(village.truthPath!, 'utf8').split('\n').slice(0, -1)) {
    const {
      meter,
      register,
      value,
      at,
      fault,
    }: { meter: string; register: string; value: string; at: string | null; fault: string | null } = JSON.parse(text)
    expect(fault).toBeNull()
    const key = `${meter} ${register} ${at}`
    said.set(key, (said.get(key) ?? new Set()).add(value))
  }
  for (const { meter, obis, text, at } of heard) {
    const known = said.get(`${meter} ${obis} ${at}`)
    const value = parseDecimal(text)!
    if (!known || ![...known].some((one) => compare(parseDecimal(one)!, value) === 0))
      throw new Error(`${meter} ${obis} at ${at}: heard ${text}, said ${known && [...known]}`)
  }
})

it('reads a meter of the 1997 edition', async () => {
  const line = await startDlt645Line({ meters: [{ address: '010003635927', variant: '1997' }], clock: handClock(now) })
  onTestFinished(() => line.close())
  const { values, result } = await read(dlt6451997, 'dlt645-1997/single-phase', '010003635927', line.port, 'current')
  const [sample] = samplesOf(result)
  expect(sample!.raws[values.findIndex(({ obis }) => obis === '1-0:1.8.0')]).toBe(
    Math.floor(line.instruments.get('010003635927')!.energy(1, 0, 0, now) / 36_000),
  )
})
