import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { type CaptureHead, frameLine, headLine, textHead, textLine } from '../../src/capture/index.ts'
import { replay } from '../../src/cli/replay.ts'

const HEAD: CaptureHead = {
  ...({ capture: 'gridtally', version: 1, startedAt: '2026-11-23T04:34:14.037Z', timezone: 'Asia/Shanghai' } as const),
  line: { id: 'plant', kind: 'broker', address: 'mqtt://127.0.0.1:1883', host: null, port: null, baud: null, format: null, framing: null },
  meters: [{ meter: 'M6', point: 'P-6', area: 'A1', address: 'plug-6', profile: 'mqtt/tasmota', ct: '1', pt: '1' }],
}

const messageOf = (name: string, payload: string) => ({
  ...({
    at: Date.parse('2026-11-23T04:34:21.237Z'),
    what: 'message',
    protocol: null,
    device: name,
    hidden: [],
    text: '',
    tookMs: null,
  } as const),
  ...{ bytes: new TextEncoder().encode(payload), topic: `tele/${name}/SENSOR`, retained: false },
})
const ENERGY = '{"Time":"2026-11-23T12:34:18","ENERGY":{"Total":18738.045,"Power":234,"Voltage":231}}'
const MESSAGES = [messageOf('plug-6', ENERGY), messageOf('plug-9', ENERGY), messageOf('plug-6', ENERGY.slice(0, 40))]

it.each([
  ['jsonl', headLine(HEAD), MESSAGES.map((message) => frameLine(message))],
  ['txt', textHead(HEAD), MESSAGES.map((message) => textLine(message))],
])('puts captured messages of a broker through its mapping, out of %s', (end, head, lines) => {
  const directory = mkdtempSync(join(tmpdir(), 'replay-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, `push.${end}`)
  writeFileSync(file, head + lines.join(''))
  let out = ''
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text)
    return true
  })
  const before = process.exitCode
  try {
    replay(file, { json: true })
    // A message that was cut off is said, and fails.
    expect(process.exitCode).toBe(1)
  } finally {
    write.mockRestore()
    process.exitCode = before
  }
  const { exchanges, readings, notUsed } = JSON.parse(out)
  expect(exchanges).toBe(3)
  const energy = readings.filter(({ values }: { values: { obis: string }[] }) => values.some(({ obis }) => obis === '1-0:1.8.0'))
  expect(energy).toMatchObject([
    { meter: 'M6', point: 'P-6', quality: ['good'] },
    { meter: 'plant/plug-9', quality: ['unregistered'] },
  ])
  for (const { values } of energy) expect(values).toContainEqual(expect.objectContaining({ obis: '1-0:1.8.0', value: '18738.045' }))
  expect(notUsed).toMatchObject([{ device: 'plug-6', isFailure: true }])
})
