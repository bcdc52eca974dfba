import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { encodeFrame } from '../../protocols/modbus/frame.ts'
import { digestText, PACK_FORM, sealed } from '../../src/gateway/evidence-pack.ts'
import { gridtally, scratch } from '../support/processes.ts'

const AT = '2026-11-20T16:00:00.000Z'
const profile: unknown = JSON.parse(readFileSync(new URL('../../config/profiles/modbus/eastron-sdm120.json', import.meta.url), 'utf8'))

/** Import energy 0x0048 as a float: 50. */
const packOf = (value: string) => {
  const sent = encodeFrame('tcp', 3, Uint8Array.of(4, 0, 0x48, 0, 2), 7)
  const heard = encodeFrame('tcp', 3, Uint8Array.of(4, 4, 0x42, 0x48, 0, 0), 7)
  const part = (direction: 'tx' | 'rx', bytes: Uint8Array) => ({
    ...{ at: AT, direction, hex: Buffer.from(bytes).toString('hex'), sha256: digestText(bytes), hidden: [], description: '' },
  })
  const quality = ['good']
  return sealed({
    format: PACK_FORM,
    gateway: { id: 'g', version: '1', timezone: 'Asia/Shanghai' },
    made: { at: AT, by: 'clerk' },
    reading: {
      ...{ meter: 'M1', measuredAt: AT, source: 'live' },
      stored: [
        {
          ...{
            point: 'P1',
            meter: 'M1',
            measurement: 'register',
            source: 'live',
            measuredAt: AT,
            receivedAt: AT,
            ratio: '80',
            quality,
            absent: [],
          },
          values: [{ obis: '1-0:1.8.0', name: 'active energy import', unit: 'kWh', value, primary: String(Number(value) * 80) }],
        },
      ],
    },
    ledger: {
      asOf: AT,
      meter: 'M1',
      point: 'P1',
      channel: 'l1',
      address: '3',
      profile: 'eastron-sdm120',
      asset: null,
      measuringPoint: null,
      ratio: '80',
    },
    profile,
    mapping: null,
    evidence: [
      {
        ...{
          id: '1',
          kind: 'frame',
          sha256: digestText(Buffer.concat([sent, heard])),
          channel: 'l1',
          protocol: 'modbus-tcp',
          about: 'current',
        },
        ...{
          by: 'task t',
          receivedAt: AT,
          wholeSize: null,
          selection: { kind: 'current', obis: ['1-0:1.8.0'] },
          terminal: null,
          rule: null,
        },
        parts: [part('tx', sent), part('rx', heard)],
      },
    ],
  })
}

const verify = async (content: unknown, ...args: string[]) => {
  const file = join(scratch(), 'pack.json')
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return gridtally(['evidence', 'verify', file, ...args])
}

it('says that a figure follows from its bytes', async () => {
  const { code, stdout } = await verify(packOf('50'))
  expect(stdout).toMatch(/right +1-0:1\.8\.0 50 kWh +follows from the bytes of 1; primary 4000 with ratio 80/)
  expect(code).toBe(0)
})

it('and that another one does not, though its document was sealed anew', async () => {
  const { code, stdout, stderr } = await verify(packOf('51'))
  expect(stdout).toMatch(/WRONG +1-0:1\.8\.0 51 kWh +does not follow from 1: these bytes say 50/)
  expect(stderr).toMatch(/1 of 3 checks failed/)
  expect(code).toBe(1)
})

it('sees a byte, and a word, that was changed', async () => {
  const pack = packOf('50')
  const [item] = pack.evidence
  const parts = item?.parts.map((part) => ({ ...part, hex: part.hex.replace('4248', '4348') }))
  const { code, stdout } = await verify({ ...pack, evidence: [{ ...item, parts }] }, '--json')
  const { checks } = JSON.parse(stdout)
  expect(checks.map(({ isRight }: { isRight: boolean }) => isRight)).toEqual([false, false, false])
  expect(code).toBe(1)
  expect((await verify({ ...pack, made: { at: AT, by: 'somebody else' } })).code).toBe(1)
})

it('what is no pack is named', async () => {
  expect(await verify('{"format":1')).toMatchObject({ code: 2, stderr: expect.stringMatching(/cannot be read as JSON/) })
  expect(await verify({ format: 'other' })).toMatchObject({ code: 2, stderr: expect.stringMatching(/is no evidence pack/) })
  expect(await gridtally(['evidence', 'verify', '/nowhere'])).toMatchObject({ code: 2 })
})
