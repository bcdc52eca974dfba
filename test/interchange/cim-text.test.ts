import { describe, expect, it } from 'vitest'
import { err, failWith } from '../../src/core/index.ts'
import { type CimPiece, cimText, stableId } from '../../src/interchange/index.ts'
import { type Tree, xmlOf } from '../../src/interchange/xml.ts'
import { complaintsOf, hasXmllint } from '../support/xmllint.ts'
import { AT, HOUR, pieces, sampleOf, streamOf, whole } from './samples.ts'

const NONE = 'http://iec.ch/TC57/2011/MeterReadings#'
const textOf = (made: readonly CimPiece[], format: 'xml' | 'json') => whole(cimText(streamOf(made), format))
const elements = (xml: string, name: string) => xml.match(new RegExp(`<${name}[ >].*?</${name}>`, 'gs')) ?? []

describe.skipIf(!hasXmllint() && !process.env.CI)('MeterReadings under the schema', () => {
  it.each([
    ['everything', pieces()],
    ['nothing', []],
    ['only what has no reading type', [{ point: 'P', meter: 'M', values: [sampleOf({ obis: '0-0:96.1.0' })], energies: [] }]],
  ] as const)('%s is valid', async (_, made) => expect(complaintsOf(await textOf(made, 'xml'), 'cim-meter-readings')).toBe(''))

  it('is checked by the schema: order, digits and references', async () => {
    const good = await textOf(pieces(), 'xml')
    for (const [from, to] of [
      ['<value>123456.78</value>', '<value>12,3</value>'],
      [/<ReadingQualityType><mRID>2\.0\.0<.*?<\/ReadingQualityType>/s, ''],
      ['<valuesInterval>', '<valuesIntervals>'],
      [/(<end>[^<]*<\/end>)(<start>[^<]*<\/start>)/, '$2$1'],
    ] as const)
      expect(complaintsOf(good.replace(from, to), 'cim-meter-readings')).not.toBe('')
  })

  it('is the same as JSON: written as XML again by the names alone it is valid', async () => {
    const { MeterReadings } = JSON.parse(await textOf(pieces(), 'json')) as { MeterReadings: Tree }
    const xml = xmlOf('MeterReadings', MeterReadings).replace('<MeterReadings', `<MeterReadings xmlns="${NONE}"`)
    expect(complaintsOf(xml, 'cim-meter-readings')).toBe('')
    expect(xml.replaceAll('\n', '')).toBe((await textOf(pieces(), 'xml')).replace(/^<\?xml.*?\?>/, '').replaceAll('\n', ''))
  })
})

describe('MeterReadings', () => {
  it('keeps every digit, and says how a value was made', async () => {
    const xml = await textOf(pieces(), 'xml')
    expect(xml).toContain('<value>123456.78</value>')
    expect(xml).toContain(
      '<value>4938271.20</value><ReadingQualities><ReadingQualityType ref="2.0.0"/></ReadingQualities>' +
        '<ReadingQualities><comment>123456.78 x 40</comment><ReadingQualityType ref="2.11.0"/></ReadingQualities>',
    )
    const big = await textOf([{ point: 'P', meter: 'M', energies: [], values: [sampleOf({ value: '12345678901234567890.123' })] }], 'json')
    expect(big).toContain('"value":"12345678901234567890.123"')
  })

  it('says that a value is missing, and never zero', async () => {
    const [, , missing, aside] = elements(await textOf(pieces(), 'xml'), 'Readings')
    expect(missing).not.toContain('<value>')
    expect(missing).toContain('<comment>DLT645_BCD</comment><ReadingQualityType ref="2.5.259"/>')
    expect(aside).not.toContain('<value>')
    expect(aside).toContain('<comment>set aside: 99999999.99</comment><ReadingQualityType ref="2.5.258"/>')
    const [first, gap, split] = elements(await textOf(pieces(), 'xml'), 'IntervalReadings')
    expect(first).toContain('<value>0.80</value>')
    expect(gap).not.toContain('<value>')
    expect(gap).toContain('<comment>missing</comment><ReadingQualityType ref="2.5.259"/>')
    expect(split).toContain('<value>0.00</value><ReadingQualities><comment>split</comment><ReadingQualityType ref="2.8.0"/>')
  })

  it.each([
    ['<Readings>', '<source>manual</source>', '2.4.131'],
    ['<Readings>', '<source>live</source>', '2.10.0'],
    ['<Readings>', '<source>estimated</source>', '2.8.0'],
  ])('%s of %s has the quality %s', async (_, source, code) => {
    const found = elements(await textOf(pieces(), 'xml'), 'Readings').filter((one) => one.includes(source))
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(`ref="${code}"`)
  })

  it('ends an interval at its time stamp and gives both ends', async () => {
    const [first] = elements(await textOf(pieces(), 'xml'), 'IntervalReadings')
    const end = new Date(AT + HOUR).toISOString()
    expect(first).toContain(`<timeStamp>${end}</timeStamp>`)
    expect(first).toContain(`<timePeriod><end>${end}</end><start>${new Date(AT).toISOString()}</start></timePeriod>`)
  })

  it('names meter and point as they are, by stable ids, and lets nothing in a name be markup', async () => {
    const xml = await textOf(pieces(), 'xml')
    expect(xml).toContain(`<Meter><mRID>${stableId('meter', 'M & "1" <2>')}</mRID><Names><name>M &amp; &quot;1&quot; &lt;2&gt;</name>`)
    expect(xml).toContain('<name>电表\ufffd</name>')
    expect(elements(xml, 'MeterReading')).toHaveLength(2)
  })

  it('describes each reading type and quality once', async () => {
    const { MeterReadings } = JSON.parse(await textOf([...pieces(), ...pieces()], 'json')) as {
      MeterReadings: Record<'ReadingType' | 'ReadingQualityType', { mRID: string; Names: { name: string } }[]>
    }
    const types = MeterReadings.ReadingType.map(({ mRID }) => mRID)
    expect(new Set(types).size).toBe(types.length)
    expect(MeterReadings.ReadingType[0]).toMatchObject({
      accumulation: 'bulkQuantity',
      unit: 'Wh',
      multiplier: 'k',
      Names: { name: '1-0:1.8.0' },
    })
    expect(MeterReadings.ReadingQualityType.map(({ mRID }) => mRID).sort()).toEqual(
      ['2.0.0', '2.10.0', '2.11.0', '2.4.131', '2.5.258', '2.5.259', '2.8.0'].sort(),
    )
  })

  it('breaks off at a failure, so that what was written is not whole', async () => {
    const fail = failWith({ STORE_OUT: { recovery: 'wait', hint: '' } })
    async function* broken() {
      yield* streamOf(pieces().slice(0, 1))
      yield err(fail('STORE_OUT', 'gone').error)
    }
    const parts = []
    for await (const part of cimText(broken(), 'xml')) parts.push(part)
    expect(parts.at(-1)).toMatchObject({ ok: false, error: { code: 'STORE_OUT' } })
    expect(parts.some((part) => part.ok && part.value.includes('</MeterReadings>'))).toBe(false)
  })

  it('writes many with the memory of a few: pieces of some 64 kB', async () => {
    const [piece] = pieces()
    async function* many() {
      for (let count = 0; count < 2000; count++) yield* streamOf([{ ...piece!, meter: `M-${count}` }])
    }
    let longest = 0
    let parts = 0
    for await (const part of cimText(many(), 'json')) {
      if (part.ok) longest = Math.max(longest, part.value.length)
      parts++
    }
    expect(parts).toBeGreaterThan(20)
    expect(longest).toBeLessThan(80_000)
  })
})
