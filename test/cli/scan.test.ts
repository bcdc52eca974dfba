import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { check } from '../../src/cli/run.ts'
import { type ScanArguments, scan } from '../../src/cli/scan.ts'
import { Ledger } from '../../src/ledger/index.ts'
import { serveMixed } from '../support/scan-bus.ts'

const here = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'scan-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** What a command printed while it ran. */
const printed = async (run: () => Promise<void>, heard: (text: string) => void = () => undefined): Promise<string> => {
  let out = ''
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text)
    heard(out)
    return true
  })
  try {
    await run()
  } finally {
    write.mockRestore()
  }
  return out
}

const bus = async () => {
  const server = await serveMixed({ units: { 2: 'eastron-sdm630' }, dlt645: [{ address: '000000000042' }] })
  onTestFinished(() => server.close())
  return server
}

const configIn = (directory: string, port: number): string => {
  const file = join(directory, 'gateway.yaml')
  writeFileSync(
    file,
    `version: 1
gateway: { id: g, timezone: Asia/Shanghai, data: data }
http: { port: 0 }
store: { kind: embedded }
ledger: found.yaml
lines:
  - id: hall
    transport: { kind: tcp, host: 127.0.0.1, port: ${port} }
    modbus: rtu
tasks:
  - { id: now, read: current, every: 1m }
`,
  )
  return file
}

it('scans, writes ledger rows that check takes, and puts them into the ledger', async () => {
  const directory = here()
  const { port } = await bus()
  const config = configIn(directory, port)
  const found = join(directory, 'found.yaml')
  writeFileSync(found, 'version: 1\npoints: []\nmeters: []\n')
  const act = { apply: true, config, who: 'li', why: 'new building', workOrder: 'WO-1' }
  const out = await printed(() =>
    scan(`tcp://127.0.0.1:${port}`, { quick: true, units: '1-4', accept: found, lineId: 'hall', prefix: 'h', ...act }),
  )
  expect(out).toMatch(/dlt645-2007 {2}tcp {3}000000000042 {2}dlt645-2007\/single-phase/)
  expect(out).toMatch(/modbus-rtu {3}tcp {3}2 {13}eastron-sdm630/)
  expect(out).toContain('+ frequency')
  expect(out).toContain('modbus: rtu')
  expect(out).toMatch(/change \d+ of the ledger/)
  expect(readFileSync(found, 'utf8')).toContain('address: "000000000042"')
  expect(await printed(async () => check({ config }))).toContain('1 line')
  const ledger = new Ledger(join(directory, 'data'))
  expect(ledger.get('meter', 'h-2', null)?.attributes).toMatchObject({ line: 'hall', profile: 'eastron-sdm630', point: 'h-2-p' })
  expect(ledger.changes({ limit: 1 })).toMatchObject([{ what: 'scan', who: 'li', workOrder: 'WO-1' }])
  ledger.close()
})

it('gives its events and then one document as JSON lines, and a table for import', async () => {
  const directory = here()
  const { port } = await bus()
  const file = join(directory, 'found.csv')
  const out = await printed(() => scan(`tcp://127.0.0.1:${port}`, { quick: true, units: '1-4', json: true, accept: file, lineId: 'hall' }))
  const events: unknown[] = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(events.length).toBeGreaterThan(5)
  expect(events).toContainEqual(expect.objectContaining({ event: 'progress', share: expect.any(Number), what: expect.any(String) }))
  expect(events).toContainEqual(expect.objectContaining({ event: 'found', address: '2' }))
  expect(events.at(-1)).toMatchObject({ event: 'result', complete: true, meters: [{ proofs: expect.any(Array) }, {}] })
  expect(readFileSync(file, 'utf8')).toContain('"hall-000000000042-p","installed","unknown","hall-000000000042","hall","000000000042"')
})

it.each<[string, ScanArguments, RegExp]>([
  ['tcp://nowhere', {}, /is no host and port/],
  ['tcp://127.0.0.1:9', { units: '0-9' }, /units 1 to 247/],
  ['tcp://127.0.0.1:9', { apply: true }, /--apply needs/],
  ['tcp://127.0.0.1:9', { accept: 'x.txt' }, /ends in \.yaml or \.csv/],
  ['tcp://127.0.0.1:9', { quick: true, thorough: true }, /exclude each other/],
])('refuses %s %j', async (line, args, text) => {
  await expect(scan(line, args)).rejects.toThrow(text)
})

it('says before it begins that its file has rows already, or cannot be written', async () => {
  const directory = here()
  for (const [name, text] of [
    ['ledger.yaml', 'version: 1\npoints: []\nmeters:\n  - { id: M1 }\n'],
    ['found.csv', 'meter id\nM1\n'],
  ] as const) {
    const file = join(directory, name)
    writeFileSync(file, text)
    await expect(scan('tcp://127.0.0.1:9', { accept: file })).rejects.toThrow(/has rows already/)
    expect(readFileSync(file, 'utf8')).toBe(text)
  }
  await expect(scan('tcp://127.0.0.1:9', { accept: join(directory, 'none/found.yaml') })).rejects.toThrow(/--accept .*found.yaml/)
})

it('ends at an interrupt, with what was found so far', async () => {
  const { port } = await bus()
  let isStopped = false
  const out = await printed(
    () => scan(`tcp://127.0.0.1:${port}`, { thorough: true, protocol: ['dlt645', 'modbus-rtu'] }),
    (text) => {
      if (isStopped || !text.includes('found dlt645-2007 000000000042')) return
      isStopped = true
      process.emit('SIGINT', 'SIGINT')
    },
  )
  expect(out).toContain('stopped before its end')
  expect(out).toContain('000000000042')
})
