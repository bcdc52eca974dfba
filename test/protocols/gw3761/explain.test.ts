import { describe, expect, it } from 'vitest'
import { explainBytes } from '../../../protocols/gw3761/explain.ts'
import { decodeFrame } from '../../../protocols/gw3761/frame.ts'
import { DECODERS, explainFrame, explainTraced, secretFrom } from '../../../protocols/index.ts'
import { hexOf } from '../../../src/core/hex.ts'
import { bytes, wire } from './wire.ts'

const archive = bytes(
  '68 E6 00 E6 00 68 5A 01 01 BA 07 02 04 65 00 00 02 01 01 00 01 00 01 00 21 00 66 55 44 33 22 11 22 22 22 11 11 11 00 05 66 66 66 33 22 11 31 67 89 00 00 00 00 00 00 00 00 00 00 00 00 00 00 6B 16',
)
const trip = bytes(
  '68 12 01 12 01 68 4B 00 02 34 12 04 10 E5 00 00 01 00 1F 6B BC 0A 1C 00 68 61 10 01 30 12 15 68 1C 10 35 6A 39 35 34 33 33 33 4D 33 33 33 33 63 45 CC 2C 16 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 05 34 05 00 22 05 CC 16',
)
const freeze = bytes('68 3E 00 3E 00 68 4B 01 33 E9 03 02 0D 62 01 02 01 14 20 07 24 3F 16')

describe('decode', () => {
  it('is offered', () => expect(DECODERS).toContain('gw3761'))

  it('shows every byte field by field, in words with their Chinese names', () => {
    const { ok, text } = explainFrame('gw3761', freeze)
    expect(ok).toBe(true)
    for (const words of [
      '15 bytes from C to before CS',
      'terminal number (终端地址 A2): 1001 (03E9H)',
      'class-2 data, 请求2类数据',
      'measuring points (信息点标识 DA): p9',
      'items (信息类标识 DT): F161',
      'day of the data (日冻结类数据时标 Td_d): the day that ended 2024-07-20 24:00',
    ])
      expect(text).toContain(words)
  })

  it('shows the frame inside a forwarding too, with its passwords at a desk', () => {
    const { text } = explainFrame('gw3761', trip)
    expect(text).toContain('DL/T 645 command: trip')
    expect(text).toMatch(/DL\/T 645 password/)
    expect(text).not.toContain('**')
  })

  it('says where a frame breaks and what to do', () => {
    const { ok, text } = explainFrame('gw3761', freeze.subarray(0, 12))
    expect(ok).toBe(false)
    expect(text).toMatch(/error GW3761_TRUNCATED at byte 12: 12 of 23 bytes/)
    expect(explainFrame('gw3761', bytes('')).ok).toBe(false)
  })

  it('names bytes behind the frame', () =>
    expect(explainFrame('gw3761', Uint8Array.from([...freeze, 1, 2])).text).toContain('bytes behind the frame'))
})

describe('secrets in traces', () => {
  it.each([
    ['PW and the passwords of meters', archive, [32, 47], ['22 22 22 11 11 11', '67 89']],
    ['PW and what a relay command carries', trip, [], ['35 6A 39 35']],
  ])('%s are gone from bytes, fields and leaves', (_, raw, places, secrets) => {
    const traced = explainTraced('gw3761', raw, 'request')
    expect(traced.bytes).toHaveLength(raw.length)
    expect(decodeFrame(traced.bytes).ok).toBe(true)
    for (const at of places) expect(traced.hidden.some((one) => one.at === at)).toBe(true)
    const shown = JSON.stringify(traced.fields) + hexOf(traced.bytes) + JSON.stringify(explainBytes(raw))
    for (const secret of secrets) expect(shown).not.toContain(secret)
    expect(traced.fields.find(({ name }) => name === 'checksum')?.hex).toBe('**')
  })

  it('of an archive that is read, too', () => {
    const record = '01 00 01 00 1F 1E 01 00 00 15 08 26 AB CD EF 12 34 56 04 06 00 00 00 00 00 00 50'
    const traced = explainTraced('gw3761', wire(`88 01 33 E9 03 02 0A 61 00 00 02 01 01 00 ${record}`), 'response')
    expect(hexOf(traced.bytes)).not.toContain('AB CD EF')
    expect(JSON.stringify(traced.fields)).toContain('260815000001')
    expect(traced).toMatchObject({ address: '3301-1001', isResponse: true, error: null })
  })

  it('of an error report and of authentication', () => {
    for (const user of [
      '88 01 33 E9 03 02 0E 61 00 00 01 00 01 00 00 01 14 16 30 14 02 08 24 AB CD EF 00 00 00 00 00 00 00 00 00 00 00 00 00 01',
      '4A 01 33 E9 03 02 06 61 00 00 01 00 AB CD EF 00 00 00 00 00 00 00 00 00 00 00 00 00 00',
    ]) {
      const raw = wire(user)
      const traced = explainTraced('gw3761', raw, 'response')
      expect(hexOf(traced.bytes) + JSON.stringify(traced.fields) + JSON.stringify(explainBytes(raw))).not.toContain('AB CD EF')
    }
  })

  it('a frame without secrets stays as it is', () => {
    expect(explainTraced('gw3761', freeze, 'request')).toMatchObject({ bytes: freeze, hidden: [], address: '3301-1001', isResponse: false })
  })

  it('half a frame that may hold one is cut behind its head', () => {
    expect(secretFrom('gw3761', archive.subarray(0, 40))).toBe(14)
    expect(secretFrom('gw3761', Uint8Array.from([1, 2, ...archive.subarray(0, 20)]))).toBe(16)
    expect(secretFrom('gw3761', freeze)).toBe(freeze.length)
    expect(secretFrom('gw3761', archive.subarray(0, 10))).toBe(10)
  })
})
