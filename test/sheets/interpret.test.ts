import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ATTRIBUTES, KINDS, type Kind } from '../../src/ledger/kinds.ts'
import type { Entity } from '../../src/ledger/types.ts'
import { headOf, meaningsOf } from '../../src/sheets/columns.ts'
import {
  csvOf,
  flatTableOf,
  type Interpretation,
  type InterpretOptions,
  interpreter,
  type Language,
  legendOf,
  readRows,
  tablesOf,
  templateOf,
  xlsxOf,
} from '../../src/sheets/index.ts'
import { sheetXml, workbookParts, zip } from './zips.ts'

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name)
const interpreted = async (file: string | Uint8Array, options: Partial<InterpretOptions> = {}, name?: string): Promise<Interpretation> => {
  const made = interpreter({ zone: 'Asia/Shanghai', addressDigits: (profile) => (profile.startsWith('dlt645') ? 12 : null), ...options })
  const read = await readRows(file, name === undefined ? {} : { name }, made.row)
  if (!read.ok) throw new Error(read.error.message)
  return made.finish()
}
const csv = (text: string, options: Partial<InterpretOptions> = {}) => interpreted(Buffer.from(text), options, 'f.csv')
const problemsOf = async (text: string, options: Partial<InterpretOptions> = {}) =>
  (await csv(text, options)).problems.map(({ code, place, against, message }) => [code, place, against, message])
const collected = async (pieces: AsyncIterable<Buffer>): Promise<Buffer> => {
  const all: Buffer[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

describe('a flat table', () => {
  it('names several kinds in a row: one patch for each, an area once', async () => {
    const { patches, problems, warnings } = await interpreted(fixture('gbk.csv'))
    expect(problems).toEqual([])
    expect(warnings).toEqual([])
    const shanghai = Date.parse('2026-03-01T00:00:00+08:00')
    expect(patches).toEqual([
      { kind: 'customer', id: '0012345678', from: null, set: { name: '李明' }, place: 'gbk.csv:2 column 1 (户号)' },
      { kind: 'customer', id: '0012345679', from: null, set: { name: '新村"超市"' }, place: 'gbk.csv:3 column 1 (户号)' },
      { kind: 'point', id: 'P1', from: null, set: { area: 'TG0007', customer: '0012345678' }, place: 'gbk.csv:2 column 3 (计量点编号)' },
      { kind: 'point', id: 'P2', from: null, set: { area: 'TG0007', customer: '0012345679' }, place: 'gbk.csv:3 column 3 (计量点编号)' },
      {
        kind: 'meter',
        id: '000000012346',
        from: shanghai,
        set: { point: 'P1', address: '000000012346' },
        place: 'gbk.csv:2 column 5 (通信地址)',
      },
      {
        kind: 'meter',
        id: '000000012347',
        from: shanghai + 86_400_000,
        set: { point: 'P2', address: '000000012347' },
        place: 'gbk.csv:3 column 5 (通信地址)',
      },
    ])
  })

  it('is read under a title and beside a legend, and says which column it leaves out', async () => {
    const { problems, warnings, sheets } = await interpreted(fixture('openpyxl.xlsx'))
    expect(problems).toMatchObject([{ code: 'SHEET_MULTIPLIER', place: '台账!H5', message: expect.stringContaining('never calculated') }])
    expect(warnings).toEqual([{ place: '台账!N3', message: 'the column "备注" is left out' }])
    expect(sheets).toEqual([{ name: '台账', rows: 2, kinds: ['area', 'customer', 'point', 'meter'] }])
  })

  it('names both cells where two rows contradict each other', async () => {
    expect(await problemsOf('计量点编号,台区编号,台区名称\nP1,T1,新村\nP2,T1,老村\n')).toEqual([
      [
        'SHEET_CONTRADICTS',
        'f.csv:3 column 3 (台区名称)',
        'f.csv:2 column 3 (台区名称)',
        'says "老村" for name of area T1, f.csv:2 column 3 (台区名称) says "新村"',
      ],
    ])
  })

  it('has rows of other dates as other facts of the same meter', async () => {
    const { patches, problems } = await csv('电表编号,计量点编号,通信地址,生效日期\nM1,P1,17,2026-01-01\nM1,P2,17,2026-02-01\n')
    expect(problems).toEqual([])
    expect(patches.map(({ id, from, set }) => [id, from, set.point])).toEqual([
      ['M1', Date.parse('2026-01-01T00:00:00+08:00'), 'P1'],
      ['M1', Date.parse('2026-02-01T00:00:00+08:00'), 'P2'],
    ])
  })

  it('leaves empty cells as they are, clears those with a dash, and keeps a guarded dash', async () => {
    const { patches } = await csv(`计量点编号,计量点名称,相别,户号\nP1,,-,空\nP2,'-,A相,7\n`)
    expect(patches.map(({ set }) => set)).toEqual([
      { phase: null, customer: null },
      { name: '-', phase: 'L1', customer: '7' },
    ])
  })

  it('does not take a line that is only named for one of the ledger', async () => {
    const { patches } = await csv('电表编号,通信地址,通信线路,通信线路名称\nM1,17,rs485-1,\n,,L2,新线\n')
    expect(patches.map(({ kind, id }) => [kind, id])).toEqual([
      ['meter', 'M1'],
      ['channel', 'L2'],
    ])
  })

  it('refuses a customer without a number, and lets one be absent', async () => {
    expect(await problemsOf('计量点编号,计量点名称,户号,户名\nP1,a,,李明\nP2,b,,\n')).toEqual([
      ['SHEET_NO_ID', 'f.csv:2 column 3 (户号)', null, 'has 户名 of a customer, and no number of the customer'],
    ])
  })
})

describe('heads', () => {
  it.each([
    ['户号', 'customer.id'],
    ['Customer  Number', 'customer.id'],
    ['TG_NO', 'area.id'],
    ['合同容量（kVA）', 'point.contractKva'],
    ['ＣＴ变比', 'point.ct'],
    ['meter.address', 'meter.address'],
    ['Meter.Address', 'meter.address'],
    ['台区责任人', 'area.responsible'],
    ['point responsible', 'point.responsible'],
    ['变压器容量 (kVA)', 'area.capacityKva'],
  ])('%s means %s', (head, key) => {
    expect(
      meaningsOf(head).map((meaning) =>
        'kind' in meaning ? `${meaning.kind}.${meaning.is === 'id' ? 'id' : 'name' in meaning ? meaning.name : ''}` : meaning.is,
      ),
    ).toEqual([key])
  })

  it('of exports are understood again, every one', () => {
    for (const kind of KINDS)
      for (const name of Object.keys(ATTRIBUTES[kind]))
        for (const language of ['zh', 'en'] as const)
          expect(meaningsOf(headOf({ is: 'attribute', kind, name }, language))).toEqual([{ is: 'attribute', kind, name }])
  })

  it('that are unknown are named with what may have been meant', async () => {
    const { warnings } = await csv('计量点编号,计量点名秤,colour\nP1,a,b\n')
    expect(warnings).toEqual([
      { place: 'f.csv:1 column 2', message: 'the column "计量点名秤" is left out; did you mean "计量点名称"?' },
      { place: 'f.csv:1 column 3', message: 'the column "colour" is left out' },
    ])
  })

  it.each([
    ['that several kinds know', '台区编号,台区名称,计量点编号,相别,责任人\nT1,a,P1,A,王\n', 'SHEET_HEAD_UNCLEAR', 'f.csv:1 column 5', null],
    ['that stand there twice', '计量点编号,相别,相别\nP1,A,B\n', 'SHEET_HEAD_TWICE', 'f.csv:1 column 3', 'f.csv:1 column 2'],
    ['that are missing above cells', '计量点编号,,相别\nP1,x,B\n', 'SHEET_HEAD_EMPTY', 'f.csv:2 column 2', null],
    ['that name nothing', 'a,b\n1,2\n', 'SHEET_HEADS', 'f.csv:1 column 1', null],
    ['without the number of what they are about', '相别,投运状态\nA,运行\n', 'SHEET_HEADS', 'f.csv:1 column 1', null],
    ['and no rows', '计量点编号,相别\n', 'SHEET_EMPTY', 'f.csv:1 column 1', null],
  ])('%s are refused', async (_, text, code, place, against) => {
    expect((await problemsOf(text)).map((problem) => problem.slice(0, 3))).toEqual([[code, place, against]])
  })

  it('of one kind settle what several kinds know, and the tab of a sheet does too', async () => {
    expect((await csv('台区编号,台区名称,责任人\nT1,a,王\n')).patches[0]?.set).toEqual({ name: 'a', responsible: '王' })
  })

  it('prefer the column with the proper name to one with another word for it', async () => {
    const { patches, warnings } = await csv('计量点编号,通信地址,电能表资产编号,出厂编号\nP1,17,A1,F1\n')
    expect(patches.find(({ kind }) => kind === 'meter')).toMatchObject({ id: 'A1', set: { asset: 'A1' } })
    expect(warnings).toMatchObject([{ message: 'the column "出厂编号" is left out' }])
  })
})

describe('numbers that a spreadsheet has spoilt', () => {
  it('are refused with cell, value and cure', async () => {
    const { problems } = await interpreted(fixture('xlsxwriter-numbers.xlsx'))
    expect(problems.map(({ code, place, message }) => [code, place, message])).toEqual([
      ['SHEET_VALUE', 'Sheet1!F2', 'CT变比 has been made a date (2026-10-05) by the spreadsheet'],
      [
        'SHEET_ROUNDED',
        'Sheet1!C2',
        '电能表资产编号 is a number with 22 digits (3330001000000000000000): a spreadsheet keeps 15 and makes the rest zeros',
      ],
      ['SHEET_FORMULA', 'Sheet1!B3', '户号 is a formula'],
      ['SHEET_ROUNDED', 'Sheet1!C3', '电能表资产编号 is 3.33E+21: the spreadsheet has cut it to 3 digits'],
      ['SHEET_WIDTH', 'Sheet1!B4', '户号 has full-width characters; meant is perhaps "123"'],
    ])
    expect(problems[1]?.hint).toMatch(/format the column as text, then enter/)
  })

  it.each([
    ['1.2E+11', 'SHEET_ROUNDED'],
    ['2.02E+11', 'SHEET_ROUNDED'],
    ['12346', 'SHEET_ZEROS'],
    ['00000001234', 'SHEET_ZEROS'],
    ['1３', 'SHEET_WIDTH'],
    ['1\u200b2', 'SHEET_NOT_DIGITS'],
  ])('the address %j of a CSV is refused', async (address, code) => {
    const problems = await problemsOf(`计量点编号,通信地址,规约型号\nP1,${address},dlt645-2007/three-phase\n`)
    expect(problems.map((problem) => problem.slice(0, 2))).toEqual([[code, 'f.csv:2 column 2 (通信地址)']])
  })

  it.each([
    ['000000012346', 'dlt645-2007/three-phase'],
    ["'12346", 'dlt645-2007/three-phase'],
    ['17', 'eastron-sdm630'],
  ])('the address %j of %s is taken', async (address, profile) => {
    expect(await problemsOf(`计量点编号,通信地址,规约型号\nP1,${address},${profile}\n`)).toEqual([])
  })

  const xlsx = (cells: string) => {
    const head = ['计量点编号', '电能表资产编号', '通信地址']
      .map((text, at) => `<c r="${'ABC'[at]}1" t="inlineStr"><is><t>${text}</t></is></c>`)
      .join('')
    return zip(workbookParts(sheetXml(`<row r="1">${head}</row><row r="2"><c r="A2" t="inlineStr"><is><t>P1</t></is></c>${cells}</row>`)))
  }
  it.each([
    ['a long number in exponent form', '<c r="B2"><v>1.31E18</v></c><c r="C2"><v>17</v></c>', ['SHEET_ROUNDED Sheet1!B2']],
    ['16 digits', '<c r="B2"><v>1310001000000017</v></c><c r="C2"><v>17</v></c>', ['SHEET_ROUNDED Sheet1!B2']],
    ['15 digits', '<c r="B2"><v>131000100000017</v></c><c r="C2"><v>17</v></c>', []],
    ['a short number for an address of an unknown model', '<c r="C2"><v>12346</v></c>', ['SHEET_ZEROS Sheet1!C2']],
    ['a number with a fraction', '<c r="C2"><v>17.5</v></c>', ['SHEET_NOT_DIGITS Sheet1!C2']],
    ['an error', '<c r="C2" t="e"><v>#REF!</v></c>', ['SHEET_FORMULA Sheet1!C2']],
  ])('%s in a cell', async (_, cells, expected) => {
    const { problems } = await interpreted(xlsx(cells), {}, 'x.xlsx')
    expect(problems.map(({ code, place }) => `${code} ${place}`)).toEqual(expected)
  })

  it('texts that all end in zeros after the 15th digit are refused; one that ends in a zero is believed', async () => {
    const rows = (...assets: string[]) =>
      problemsOf(`电表编号,通信地址,电能表资产编号\n${assets.map((asset, at) => `M${at},${at + 1},${asset}`).join('\n')}\n`)
    expect((await rows('3330001234567890000000', '3330001234567900000000')).map(([code, place]) => [code, place])).toEqual([
      ['SHEET_ROUNDED', 'f.csv:2 column 3 (电能表资产编号)'],
      ['SHEET_ROUNDED', 'f.csv:3 column 3 (电能表资产编号)'],
    ])
    expect(await rows('3330001234567890000000', '3330001234567890000001')).toEqual([])
    expect(await rows('3330001234567890')).toEqual([])
  })
})

describe('values', () => {
  const one = async (head: string, cell: string) => (await csv(`计量点编号,${head}\nP1,"${cell}"\n`)).patches[0]?.set

  it.each<[string, string, object]>([
    ['相别', 'A相', { phase: 'L1' }],
    ['投运状态', '运行', { state: 'in-service' }],
    ...['1', '+', '+1', '＋', '加', '正'].map((word): [string, string, object] => ['计费符号', word, { billingSign: '1' }]),
    ...['-1', '－1', '−1', "'-", '减', '扣减', '负'].map((word): [string, string, object] => ['计费符号', word, { billingSign: '-1' }]),
    ['计费符号', '空', { billingSign: null }],
    ['CT变比', '400：5', { ct: '400/5' }],
    ['CT变比', '４００／５', { ct: '400/5' }],
    ['合同容量', '1.50', { contractKva: '1.50' }],
    ['送电日期', '2026-11-21', { energisedOn: '2026-11-21' }],
    ['送电日期', '2026/11/21', { energisedOn: '2026-11-21' }],
    ['送电日期', '2026/1/2 8:30', { energisedOn: '2026-01-02' }],
    ['送电日期', '20261121', { energisedOn: '2026-11-21' }],
    ['送电日期', '2026年1月2日', { energisedOn: '2026-01-02' }],
    ['送电日期', '46347', { energisedOn: '2026-11-21' }],
  ])('%s %s', async (head, cell, set) => expect(await one(head, cell)).toEqual(set))

  it.each([
    ['相别', 'D相', /allowed: L1 \(A\)/],
    ['计费符号', '-', /a dash, which ends a fact and is a word for one of 1 \(加\), -1 \(减\)/],
    ['计费符号', '2', /allowed: 1 \(加\), -1 \(减\)/],
    ['CT变比', '0', /ratio above 0/],
    ['合同容量', '1,000', /must be a number/],
    ['合同容量', '10kVA', /must be a number/],
    ['送电日期', '2026-02-30', /a day that exists/],
    ['送电日期', '21.11.2026', /a day that exists/],
    ['计量点名称', 'a\nb', /line break/],
  ])('%s %j is refused', async (head, cell, reason) => {
    expect((await problemsOf(`计量点编号,${head}\nP1,"${cell}"\n`))[0]?.[3]).toMatch(reason)
  })

  it.each([
    ['2026-11-21', '2026-11-21T00:00:00+08:00'],
    ['2026-11-21 08:30', '2026-11-21T08:30:00+08:00'],
    ['2026-11-21T08:30:00Z', '2026-11-21T08:30:00Z'],
    ['2026-11-21T08:30:00+0530', '2026-11-21T08:30:00+05:30'],
  ])('a row valid from %s', async (cell, instant) => {
    expect((await csv(`计量点编号,相别,生效日期\nP1,A,${cell}\n`)).patches[0]?.from).toBe(Date.parse(instant))
  })
})

describe('an overall multiplier', () => {
  const head = '计量点编号,CT变比,PT变比,综合倍率'
  it.each([['400/5,10000/100,8000'], ['300/5,,60'], ['1,1,1.0'], ['0.1,3,0.3'], ['100/3,3,100']])('%s fits', async (cells) =>
    expect(await problemsOf(`${head}\nP1,${cells}\n`)).toEqual([]),
  )

  it('that does not fit is named with the product', async () => {
    expect(await problemsOf(`${head}\nP1,400/5,100,80\n`)).toEqual([
      ['SHEET_MULTIPLIER', 'f.csv:2 column 4 (综合倍率)', null, '综合倍率 is 80, but CT 400/5 × PT 100 is 8000'],
    ])
  })

  it('is the CT ratio only where nobody knows CT and PT', async () => {
    const alone = await csv('计量点编号,综合倍率\nP1,80\n')
    expect(alone.patches[0]?.set).toEqual({ ct: '80' })
    expect(alone.warnings).toMatchObject([{ message: '80 is taken as the CT ratio: the row has neither CT nor PT' }])
    const known = { ratiosOf: () => ({ ct: '400/5', pt: null }) }
    expect((await csv('计量点编号,综合倍率,相别\nP1,80,A\n', known)).patches[0]?.set).toEqual({ phase: 'L1' })
    expect(await problemsOf('计量点编号,综合倍率,相别\nP1,60,A\n', known)).toMatchObject([
      ['SHEET_MULTIPLIER', 'f.csv:2 column 2 (综合倍率)', null, '综合倍率 is 60, but CT 400/5 × PT 1 is 80'],
    ])
  })
})

describe('export', () => {
  const word = fc
    .string({
      unit: fc.constantFrom('a', 'B', '7', '0', '中', '=', "'", '-', '+', '@', ' ', ',', '"', '空', '/', 'E'),
      minLength: 1,
      maxLength: 6,
    })
    .map((text) => text.trim() || 'x')
  const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,8}$/).filter((text) => !/^\d+E\d/i.test(text))
  const valueFor = (kind: Kind, name: string): fc.Arbitrary<string | boolean | number> => {
    const spec = ATTRIBUTES[kind][name]!
    if (spec.choices) return fc.constantFrom(...Object.keys(spec.choices))
    if (spec.type === 'flag') return fc.boolean()
    if (spec.type === 'date') return fc.constantFrom('2026-01-31', '2000-02-29')
    if (spec.type === 'integer') return fc.nat(100_000)
    if (spec.type === 'decimal') return fc.constantFrom('0', '1.00', '-3.5', '123456789012345678.1', '315')
    if (spec.type === 'ratio') return fc.constantFrom('400/5', '80', '1')
    if (spec.type === 'reference') return fc.constantFrom('R1', 'R2')
    return spec.digits ? id : word
  }
  const attributesFor = (kind: Kind) =>
    fc
      .record(Object.fromEntries(Object.keys(ATTRIBUTES[kind]).map((name) => [name, fc.option(valueFor(kind, name))])))
      .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null)))
  const ledger = fc.tuple(
    ...KINDS.map((kind) =>
      fc
        .array(fc.tuple(fc.constantFrom('R1', 'R2', 'r3', '007'), attributesFor(kind)), { maxLength: 3 })
        .map((all): [Kind, Entity[]] => [kind, [...new Map(all)].map(([one, attributes]) => ({ kind, id: one, version: 1, attributes }))]),
    ),
  )
  const bareOnes = KINDS.map((kind): [Kind, Entity[]] => [
    kind,
    kind === 'zone' || kind === 'channel' ? [{ kind, id: 'R1', version: 1, attributes: {} }] : [],
  ])
  const facts = (entities: readonly { kind: Kind; id: string; facts: object }[]) =>
    entities.map(({ kind, id: one, facts: set }) => [`${kind} ${one}`, set] as const).sort((a, b) => (a[0] < b[0] ? -1 : 1))
  const written = (all: readonly (readonly [Kind, readonly Entity[]])[]) =>
    facts(all.flatMap(([, entities]) => entities.map((one) => ({ ...one, facts: one.attributes }))))
  const readBack = ({ patches, problems }: Interpretation) => {
    expect(problems).toEqual([])
    return facts(patches.map((one) => ({ ...one, facts: one.set })))
  }

  it.each<[string, Language]>([
    ['in Chinese', 'zh'],
    ['in English', 'en'],
  ])('as a workbook and import of it change nothing, %s', async (_, language) => {
    await fc.assert(
      fc.asyncProperty(ledger, async (all) => {
        fc.pre(all.some(([, entities]) => entities.length > 0))
        const kinds = new Map(all)
        const bytes = await collected(xlsxOf(tablesOf((kind) => kinds.get(kind) ?? [], language)))
        expect(readBack(await interpreted(bytes, {}, 'x.xlsx'))).toEqual(written(all))
      }),
      { numRuns: 60 },
    )
  })

  it.each<[string, Language]>([
    ['in Chinese', 'zh'],
    ['in English', 'en'],
  ])('as one flat CSV and import of it change nothing, %s', async (_, language) => {
    await fc.assert(
      fc.asyncProperty(ledger, async (all) => {
        fc.pre(all.some(([, entities]) => entities.length > 0))
        const kinds = new Map(all)
        const text = [...csvOf(flatTableOf((kind) => kinds.get(kind) ?? [], language))].join('')
        expect(readBack(await interpreted(Buffer.from(text), { addressDigits: () => null }, 'x.csv'))).toEqual(written(all))
      }),
      // A zone and a line of which nothing but the id is known.
      { numRuns: 60, examples: [[bareOnes]] },
    )
  })
})

describe('the template', () => {
  it.each<Language>(['zh', 'en'])('in %s can be imported as it is, as CSV and as a workbook with its legend', async (language) => {
    const workbook = await interpreted(await collected(xlsxOf([templateOf(language), legendOf(language)])), {}, 't.xlsx')
    const text = await interpreted(Buffer.from([...csvOf(templateOf(language))].join('')), {}, 't.csv')
    for (const { problems, warnings, patches } of [workbook, text]) {
      expect(problems).toEqual([])
      expect(warnings).toEqual([])
      expect(patches.map(({ kind, id }) => `${kind} ${id}`)).toEqual([
        ...['zone GD01', 'area TG0007', 'customer 0012345678', 'customer 0012345679', 'point P0007-0', 'point P0007-1', 'point P0007-2'],
        ...['meter M0007-0', 'meter M0007-1', 'meter M0007-2'],
      ])
    }
  })

  it('has a legend with every attribute', () => {
    const rows = [...legendOf('en').rows]
    const count = KINDS.reduce((sum, kind) => sum + 1 + Object.keys(ATTRIBUTES[kind]).length, 3)
    expect(rows).toHaveLength(count)
  })
})
