import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, it, onTestFinished } from 'vitest'
import { adapterOf } from '../../protocols/index.ts'
import type { ImportView, NewImport } from '../../src/api/index.ts'
import { EVERYTHING } from '../../src/core/index.ts'
import { exportOf } from '../../src/gateway/import-export.ts'
import { openImports } from '../../src/gateway/import-jobs.ts'
import type { ImportFormat } from '../../src/gateway/import-read.ts'
import { type ImportDone, runImport } from '../../src/gateway/import-run.ts'
import { ledgerWorld, type WorldData } from '../../src/gateway/ledger-world.ts'
import { openProfiles } from '../../src/gateway/profiles.ts'
import { type Act, Ledger } from '../../src/ledger/index.ts'
import { legendOf, templateOf, xlsxOf } from '../../src/sheets/index.ts'

const NOW = Date.parse('2026-08-01T00:00:00Z')
const data: WorldData = {
  lines: [
    { id: 'rs485-1', modbus: 'rtu' },
    { id: 'rs485-2', modbus: 'rtu' },
  ],
  brokers: [],
  profileDirectory: null,
}
const act: Act = { what: 'import', who: 'office', why: 'site survey', workOrder: 'WO-1', at: NOW }
const HEADS = '台区编号,台区名称,户号,户名,计量点编号,CT变比,电表编号,通信地址,规约型号,通信线路'
const ROWS = [
  'T1,新村,0012,李明,P1,1,M1,000000000012,dlt645-2007/single-phase,rs485-1',
  'T1,新村,0013,超市,P2,100/5,M2,7,eastron-sdm630,rs485-2',
]
const csv = (...rows: string[]) => `${HEADS}\n${rows.join('\n')}\n`

const site = () => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-import-'))
  const profiles = openProfiles(null)
  const world = ledgerWorld(data, profiles, adapterOf)
  const ledger = new Ledger(directory, world)
  onTestFinished(() => {
    ledger.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const run = async (content: string | Uint8Array, format: ImportFormat, wanted: Act | null = null, name = `f.${format}`) => {
    const path = join(directory, name)
    writeFileSync(path, content)
    const file = { path, name, format, encoding: null, from: null }
    const done = await runImport(file, ledger, { zone: 'Asia/Shanghai', data, world, profiles, now: NOW }, wanted)
    if (!done.ok) throw new Error(done.error.message)
    return done.value
  }
  return { directory, ledger, run }
}

const bytesOf = async (pieces: AsyncIterable<Uint8Array> | Iterable<string>): Promise<Buffer> => {
  const all: Buffer[] = []
  for await (const piece of pieces) all.push(Buffer.from(piece))
  return Buffer.concat(all)
}

it('says what a file would do and changes nothing, then does it, then finds nothing new, then takes it back', async () => {
  const { ledger, run } = site()
  const dry = await run(csv(...ROWS), 'csv')
  expect(dry).toMatchObject({ rows: 2, added: 7, changed: 0, problemCount: 0, applied: null })
  expect(ledger.seq).toBe(0)
  const done = await run(csv(...ROWS), 'csv', act)
  expect(done.applied).toMatchObject({ change: 1, added: 7 })
  expect(ledger.get('meter', 'M1', null)?.attributes).toMatchObject({ address: '000000000012', point: 'P1', line: 'rs485-1' })
  expect(ledger.change(1)).toMatchObject({ who: 'office', why: 'site survey', workOrder: 'WO-1', what: 'import' })
  expect((await run(csv(...ROWS), 'csv', { ...act, at: NOW + 1 })).applied).toMatchObject({
    change: null,
    added: 0,
    changed: 0,
    unchanged: 7,
  })
  const again = await run(csv(ROWS[0] ?? '', (ROWS[1] ?? '').replace('100/5', '200/5')), 'csv', { ...act, at: NOW + 2 })
  expect(again.applied).toMatchObject({ change: 2, added: 0, changed: 1 })
  expect(ledger.undo(2, { ...act, what: 'undo', at: NOW + 3 })).toMatchObject({ ok: true })
  expect(ledger.get('point', 'P2', null)?.attributes.ct).toBe('100/5')
  expect(ledger.undo(1, { ...act, what: 'undo', at: NOW + 4 })).toMatchObject({ ok: true })
  expect(ledger.get('meter', 'M1', null)).toBeNull()
})

it('names the cell of what the ledger refuses, each row once, and applies nothing', async () => {
  const { ledger, run } = site()
  const rows = [
    ROWS[0] ?? '',
    'T1,新村,0013,超市,P2,100/5,M2,7,eastron-sdm630,rs485-9',
    'T1,新村,0014,店,P3,x,M3,1.2E+11,dlt645-2007/single-phase,rs485-1',
  ]
  const done = await run(csv(...rows), 'csv', act)
  expect(done.applied).toBeNull()
  expect(ledger.seq).toBe(0)
  const found = done.problems.map(({ code, place }) => `${code} ${place}`)
  expect(found).toContain('SHEET_VALUE f.csv:4 column 6 (CT变比)')
  expect(found).toContain('SHEET_ROUNDED f.csv:4 column 8 (通信地址)')
  expect(found.some((one) => one.startsWith('LEDGER_') && one.includes('f.csv:3'))).toBe(true)
  expect(found.filter((one) => one.includes('f.csv:4')).every((one) => one.startsWith('SHEET_'))).toBe(true)
})

it('refuses a short number for a meter whose addresses have twelve digits, and takes one for Modbus', async () => {
  const { run } = site()
  const done = await run(csv((ROWS[0] ?? '').replace('000000000012', '12'), ROWS[1] ?? ''), 'csv')
  expect(done.problems.map(({ code, place }) => [code, place])).toEqual([['SHEET_ZEROS', 'f.csv:2 column 8 (通信地址)']])
})

it('checks an overall multiplier against the ratios the ledger has', async () => {
  const { ledger, run } = site()
  await run(csv(...ROWS), 'csv', act)
  const heads = '计量点编号,综合倍率'
  expect((await run(`${heads}\nP2,20\n`, 'csv')).problemCount).toBe(0)
  expect((await run(`${heads}\nP2,30\n`, 'csv')).problems).toMatchObject([
    { code: 'SHEET_MULTIPLIER', message: expect.stringContaining('× PT 1 is 20') },
  ])
  expect(ledger.get('point', 'P2', null)?.attributes.ct).toBe('100/5')
})

it.each<ImportFormat>(['csv', 'xlsx', 'yaml'])(
  'writes the ledger as %s; importing that changes nothing, and into an empty ledger everything',
  async (format) => {
    const { ledger, run } = site()
    await run(csv(...ROWS), 'csv', act)
    const bytes = await bytesOf(exportOf(ledger, format, 'zh', null))
    expect(await run(bytes, format)).toMatchObject({ added: 0, changed: 0, problems: [] })
    const empty = site()
    expect((await empty.run(bytes, format, act)).applied).toMatchObject({ added: 7 })
    for (const [kind, id] of [
      ['point', 'P2'],
      ['meter', 'M1'],
      ['customer', '0012'],
    ] as const)
      expect(empty.ledger.get(kind, id, null)?.attributes).toEqual(ledger.get(kind, id, null)?.attributes)
  },
)

it('writes the ledger as it was at an instant', async () => {
  const { ledger, run } = site()
  await run(csv(...ROWS), 'csv', act)
  await run('计量点编号,CT变比,生效日期\nP2,300/5,2026-07-01\n', 'csv', { ...act, at: NOW + 1 })
  const text = (asOf: string) => bytesOf(exportOf(ledger, 'csv', 'en', Date.parse(asOf))).then(String)
  expect(await text('2026-06-30T00:00:00Z')).toContain('100/5')
  expect(await text('2026-07-02T00:00:00Z')).toContain('300/5')
})

it.each(['csv', 'xlsx', 'yaml'] as const)(
  'writes no name and address of a customer for whoever may not see it, and takes the file back: %s',
  async (format) => {
    const { ledger, run } = site()
    await run(csv(...ROWS), 'csv', act)
    await run('户号,用电地址\n0012,新村1组8号\n', 'csv', { ...act, at: NOW + 1 })
    const bytes = await bytesOf(exportOf(ledger, format, 'zh', null, { hidesPersonal: true, scope: EVERYTHING }))
    if (format !== 'xlsx') expect(String(bytes)).not.toMatch(/新村1组8号|李明/)
    if (format !== 'xlsx') expect(String(bytes)).toContain('***')
    if (format === 'yaml') return
    const other = site()
    const { problems } = await other.run(bytes, format, act)
    // In the one table a customer is nothing but his name and address: another ledger lacks him, its own keeps what it has.
    if (format === 'csv') expect(problems.map(({ code }) => code)).toEqual(['LEDGER_REFERENCE', 'LEDGER_REFERENCE'])
    else expect([problems, other.ledger.get('customer', '0012', null)?.attributes]).toEqual([[], {}])
    expect(await run(bytes, format, { ...act, at: NOW + 2 })).toMatchObject({ problemCount: 0, applied: { change: null } })
    expect(ledger.get('customer', '0012', null)?.attributes.address).toBe('新村1组8号')
  },
)

it.each(['csv', 'xlsx', 'yaml'] as const)(
  'writes no point name that tells who the customer is for whoever may not see him: %s',
  async (format) => {
    const { ledger, run } = site()
    await run(csv(...ROWS), 'csv', act)
    await run('计量点编号,计量点名称\nP1,李明家\nP2,东街超市\n', 'csv', { ...act, at: NOW + 1 })
    const bytes = await bytesOf(exportOf(ledger, format, 'zh', null, { hidesPersonal: true, scope: EVERYTHING }))
    if (format !== 'xlsx') expect(String(bytes)).not.toMatch(/李明|超市/)
    if (format !== 'yaml')
      expect(await run(bytes, format, { ...act, at: NOW + 2 })).toMatchObject({ problemCount: 0, applied: { change: null } })
    expect(ledger.get('point', 'P1', null)?.attributes.name).toBe('李明家')
  },
)

it('names wrong cells and what else is wrong in the same row at once, each once', async () => {
  const { run } = site()
  const row = 'T1,新村,1.2E+11,李明,P1,0,M1,000000000012,dlt645-2007/singlephase,rs485-1'
  const { problems, problemCount } = await run(csv(row), 'csv')
  expect(problems.map(({ code, place }) => [code, place])).toEqual([
    ['SHEET_ROUNDED', 'f.csv:2 column 3 (户号)'],
    ['SHEET_VALUE', 'f.csv:2 column 6 (CT变比)'],
    ['LEDGER_VALUE', 'f.csv:2 column 7 (电表编号)'],
  ])
  expect(problemCount).toBe(3)
})

it('takes no multiplier for the CT ratio where the CT ratio is wrong', async () => {
  const { run } = site()
  const { warnings, problems } = await run('计量点编号,CT变比,综合倍率\nP1,O,40\n', 'csv')
  expect(problems).toMatchObject([{ code: 'SHEET_VALUE' }])
  expect(warnings).toEqual([])
})

it('says at the top of a ledger file what that form has no place for', async () => {
  const { ledger, run } = site()
  await run('计量点编号,计量箱\nP1,BX-1\n', 'csv', act)
  const text = String(await bytesOf(exportOf(ledger, 'yaml', 'zh', null)))
  expect(text).toMatch(/^# left out, as this form has no place for it: point.cabinet \(1\)\n/)
})

it('takes a ledger file and names what is wrong in it by line and column', async () => {
  const { run } = site()
  const yaml =
    'version: 1\npoints:\n  - { id: P1 }\nmeters:\n  - { id: M1, point: P9, line: rs485-1, address: "000000000012", profile: dlt645-2007/single-phase }\n'
  expect((await run(yaml, 'yaml')).problems).toMatchObject([{ code: 'IMPORT_YAML', place: 'f.yaml:5:22' }])
  expect(await run(yaml.replace('P9', 'P1'), 'yaml')).toMatchObject({ problemCount: 0, added: 2 })
})

it('takes its own template', async () => {
  const { run } = site()
  const bytes = await bytesOf(xlsxOf([templateOf('zh'), legendOf('zh')]))
  expect(await run(bytes, 'xlsx')).toMatchObject({ rows: 3, added: 10, problems: [] })
})

const until = async (read: () => ImportView | null, ...states: string[]): Promise<ImportView> => {
  for (const end = Date.now() + 60_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const view = read()
    if (view && states.includes(view.state)) return view
  }
  throw new Error(`it is ${read()?.state}`)
}
const jobs = (directory: string) => {
  const imports = openImports({ directory, zone: 'Asia/Shanghai', world: data, clock: { now: () => NOW } })
  onTestFinished(() => imports.close())
  return imports
}
const sent = (name: string): NewImport => ({ name, format: 'csv', encoding: null, from: null, by: 'office' })

it('works in a thread of its own: dry run, apply, and the file is gone', async () => {
  const { directory, ledger } = site()
  const { port } = jobs(directory)
  const begun = await port.begin(sent('../../etc/passwd'), Readable.from([csv(...ROWS)]))
  if (!begun.ok) throw new Error(begun.error.error.message)
  const { id } = begun.value
  const ready = await until(() => port.get(id), 'ready', 'refused', 'failed')
  expect(ready).toMatchObject({ state: 'ready', name: '../../etc/passwd', rows: 2, report: { added: 7, problemCount: 0 } })
  expect(port.entries(id, 0, 3)).toHaveLength(3)
  expect(readdirSync(join(directory, 'imports'))).toEqual([`${id}.csv`])
  expect(port.apply(id, act)).toMatchObject({ ok: true, value: { state: 'applying' } })
  expect(await until(() => port.get(id), 'applied', 'failed')).toMatchObject({ state: 'applied', change: 1 })
  expect(ledger.get('meter', 'M2', null)?.attributes.address).toBe('7')
  expect(readdirSync(join(directory, 'imports'))).toEqual([])
  expect(port.apply(id, act)).toMatchObject({ ok: false, error: { because: 'not-possible', error: { code: 'IMPORT_STATE' } } })
  const made = await port.export({ format: 'csv', language: 'zh', asOf: null, hidesPersonal: false, zones: null })
  if (!made.ok) throw new Error(made.error.error.message)
  expect(String(await bytesOf(made.value.content))).toContain('000000000012')
})

it('says why an import that is being written cannot be deleted, and that it can be taken back', async () => {
  const { directory } = site()
  let finish = (_: { ok: true; value: ImportDone | null }): void => {}
  const done: ImportDone = {
    ...{ rows: 1, sheets: [], added: 1, changed: 0, unchanged: 0, problems: [], problemCount: 0, warnings: [], entries: [], applied: null },
  }
  const start = () => ({ result: new Promise<{ ok: true; value: ImportDone | null }>((resolve) => (finish = resolve)), stop: () => {} })
  const imports = openImports({ directory, zone: 'UTC', world: data, clock: { now: () => NOW }, start })
  const { port } = imports
  const begun = await port.begin(sent('a.csv'), Readable.from(['x']))
  const id = begun.ok ? begun.value.id : ''
  finish({ ok: true, value: done })
  await until(() => port.get(id), 'ready')
  expect(port.apply(id, act)).toMatchObject({ ok: true })
  const refused = port.remove(id)
  expect(refused).toMatchObject({ ok: false, error: { because: 'not-possible', error: { code: 'IMPORT_APPLYING' } } })
  expect(refused.ok ? '' : refused.error.error.message).toContain('one transaction')
  expect(refused.ok ? '' : refused.error.error.hint).toContain('undo')
  finish({ ok: true, value: done })
  await until(() => port.get(id), 'applied')
  expect(port.remove(id)).toMatchObject({ ok: true })
  await imports.close()
})

it('forgets the oldest import that is over when another one comes', async () => {
  const { directory } = site()
  const failed = { ok: false, error: { code: 'SHEET_EMPTY', message: 'x', hint: 'y', recovery: 'stop', context: {} } } as const
  const start = () => ({ result: Promise.resolve(failed), stop: () => {} })
  const imports = openImports({ directory, zone: 'UTC', world: data, clock: { now: () => NOW }, start })
  const ids: string[] = []
  for (let n = 0; n < 10; n++) {
    const begun = await imports.port.begin(sent(`${n}.csv`), Readable.from(['x']))
    const id = begun.ok ? begun.value.id : expect.fail(JSON.stringify(begun.error))
    ids.push(id)
    await until(() => imports.port.get(id), 'failed')
  }
  expect(imports.port.list().map(({ id }) => id)).toEqual(ids.slice(-8))
  await imports.close()
})

it('keeps no file with problems, none that was deleted, and none of a former process', async () => {
  const { directory } = site()
  const { port, close } = jobs(directory)
  const bad = await port.begin(sent('bad.csv'), Readable.from([csv((ROWS[0] ?? '').replace('000000000012', '1.2E+11'))]))
  const id = bad.ok ? bad.value.id : ''
  expect(await until(() => port.get(id), 'ready', 'refused', 'failed')).toMatchObject({ state: 'refused', report: { problemCount: 1 } })
  expect(port.problems(id, 0, 10)).toMatchObject([{ code: 'SHEET_ROUNDED', place: 'bad.csv:2 column 8 (通信地址)' }])
  expect(port.apply(id, act)).toMatchObject({ error: { error: { code: 'IMPORT_PROBLEMS' } } })
  expect(readdirSync(join(directory, 'imports'))).toEqual([])
  const second = await port.begin(sent('b.csv'), Readable.from([csv(...ROWS)]))
  expect(port.remove(second.ok ? second.value.id : '')).toMatchObject({ ok: true })
  expect(port.list()).toHaveLength(1)
  await close()
  writeFileSync(join(directory, 'imports', 'left.csv'), 'x')
  jobs(directory)
  expect(existsSync(join(directory, 'imports', 'left.csv'))).toBe(false)
})

it('ends a file that cannot be read with the reason', async () => {
  const { directory } = site()
  const { port } = jobs(directory)
  const begun = await port.begin({ ...sent('bomb.xlsx'), format: 'xlsx' }, Readable.from([readFileSync(import.meta.filename)]))
  expect(await until(() => port.get(begun.ok ? begun.value.id : ''), 'ready', 'failed')).toMatchObject({
    ...{ state: 'failed', report: null },
    error: { code: 'SHEET_FORMAT', message: expect.stringContaining('bomb.xlsx is no XLSX') },
  })
})

it('writes what lies in a zone for whoever sees no other', async () => {
  const { ledger, run } = site()
  await run(csv(...ROWS), 'csv', act)
  const all = String(await bytesOf(exportOf(ledger, 'csv', 'zh', null)))
  const seen = { all: false, sees: (kind: string, id: string) => `${kind}:${id}` === 'point:P2' }
  const some = String(await bytesOf(exportOf(ledger, 'csv', 'zh', null, { hidesPersonal: false, scope: seen })))
  expect([all.includes('P1'), all.includes('P2')]).toEqual([true, true])
  expect([some.includes('P1'), some.includes('P2')]).toEqual([false, true])
})
