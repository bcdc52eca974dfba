import pino from 'pino'
import { Value } from 'typebox/value'
import { expect, onTestFinished } from 'vitest'
import { loadGatewayConfig } from '../../src/config/index.ts'
import { type Pack, PackSchema } from '../../src/gateway/evidence-pack.ts'
import { verifyPack } from '../../src/gateway/evidence-verify.ts'
import { startGateway } from '../../src/main.ts'
import { patient, TOKEN } from '../support/processes.ts'

interface Item {
  readonly id: string
  readonly kind: string
  readonly sha256: string
  readonly by: string
  readonly channel: string
  readonly parts: readonly {
    readonly frame: { readonly hex: string; readonly direction: string; readonly fields?: readonly object[] } | null
  }[]
  readonly of: readonly { readonly meter: string; readonly measuredAt: string; readonly source: string }[]
}

/** A running gateway that is asked for evidence. */
export const open = async (file: string) => {
  const loaded = loadGatewayConfig(file)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const said: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void said.push(line) })
  const started = await startGateway(loaded.value, log, { ...process.env, GRIDTALLY_TOKEN: TOKEN })
  if (!started.ok) throw new Error(`${started.message} ${JSON.stringify(started.problems)}`)
  const gateway = started.value
  onTestFinished(() => gateway.close())
  const api = async (path: string, init: RequestInit = {}) => {
    const headers = { authorization: `Bearer ${TOKEN}`, ...(init.body ? { 'content-type': 'application/json' } : {}) }
    const answer = await patient(`${gateway.address}${path}`, { ...init, headers })
    return { status: answer.status, body: JSON.parse(await answer.text()) }
  }
  const evidenceOf = async (meter: string, at: number | string, source?: string): Promise<readonly Item[]> => {
    const query = new URLSearchParams({ meter, measuredAt: new Date(at).toISOString(), ...(source ? { source } : {}) })
    const { status, body } = await api(`/api/v1/readings/evidence?${query}`)
    return status === 200 ? body.items : []
  }
  const packOf = async (id: string, meter: string): Promise<Pack> => {
    const { body } = await api(`/api/v1/evidence/${id}/pack?meter=${encodeURIComponent(meter)}`)
    if (!Value.Check(PackSchema, body)) throw new Error(`no pack: ${JSON.stringify(body).slice(0, 500)}`)
    return body
  }
  return { gateway, api, evidenceOf, packOf, said }
}

/** Every figure of a pack follows from its bytes, and one that was changed does not. */
export const expectProved = (pack: Pack): void => {
  const checks = verifyPack(pack)
  const about = `${pack.evidence[0]?.protocol} ${pack.reading.meter} ${pack.reading.source} ${JSON.stringify(checks)}`
  expect(
    checks.filter(({ isRight }) => isRight !== true),
    about,
  ).toEqual([])
  expect(checks.length, about).toBeGreaterThan(2)
  const [first] = pack.reading.stored
  const [value] = first?.values ?? []
  if (!first || !value) throw new Error(about)
  const forged = { ...first, values: [{ ...value, value: `${Number(value.value) + 1}` }] }
  const wrong = verifyPack({ ...pack, reading: { ...pack.reading, stored: [forged] } })
  expect(wrong.find(({ what }) => what === 'document')?.isRight).toBe(false)
  if (first.measurement === 'register') expect(wrong.find(({ what }) => what.startsWith(value.obis))?.isRight).toBe(false)
}
