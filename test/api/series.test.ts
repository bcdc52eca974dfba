import { describe, expect, it } from 'vitest'
import { asReader, asRole, api as opened } from './fake.ts'

const api = async () => (await opened()).app
const DAY = 'from=2026-08-15T00:00:00%2B08:00&to=2026-08-15T12:00:00%2B08:00'
const get = async (url: string, headers: Record<string, string> = asRole('analyst')) =>
  (await api()).inject({ url: `/api/v1/series?${url}`, headers })

describe('series', () => {
  it('are columns of many points, every bucket there with its coverage', async () => {
    const answer = await get(`${DAY}&point=P-001&point=P-002&kind=register&fn=last&registers=1.8.0&bucket=1h`)
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8'])
    const body = answer.json()
    expect(body).toMatchObject({
      zone: 'Asia/Shanghai',
      kind: 'register',
      bucket: '1h',
      fn: 'last',
      quality: 'good',
      compare: 'none',
      from: '2026-08-14T16:00:00.000Z',
    })
    expect([body.starts.length, body.ends.length, body.series.length]).toEqual([12, 12, 2])
    expect(body.series[0]).toMatchObject({
      id: 'P-001',
      code: '1-0:1.8.0',
      unit: 'kWh',
      direction: 'import',
      ratioApplied: false,
      name: 'active import energy kWh (as displayed, ratio not applied)',
    })
    expect(body.series[0].values.every((value: string) => /^\d+\.\d\d$/.test(value))).toBe(true)
    expect(body.series[0].coverage).toEqual(Array(12).fill(1))
  })
  it('can be compared, and raw', async () => {
    const compared = (await get(`${DAY}&point=P-001&fn=last&registers=1.8.0&bucket=day&compare=yoy`)).json()
    expect(compared.series[0].before).toEqual({ values: [null], coverage: [0], difference: [null], percent: [null] })
    expect(compared.beforeStarts).toEqual(['2025-08-14T16:00:00.000Z'])
    const raw = (await get(`${DAY}&point=P-001&registers=1.8.0&bucket=raw`)).json()
    expect(raw.columns.map(({ name }: { name: string }) => name)).toContain('value')
    expect(raw.rows).toHaveLength(48)
  })
  it('of a time that has not begun have no bucket, and say which time it is', async () => {
    const body = (await get('from=2030-01-01T00:00:00Z&to=2030-02-01T00:00:00Z&point=P-001&bucket=day')).json()
    expect(body).toMatchObject({ from: '2030-01-01T00:00:00.000Z', to: '2030-02-01T00:00:00.000Z', starts: [], ends: [] })
  })
  it('are files for who may take files away', async () => {
    const csv = await get(`${DAY}&point=P-001&fn=last&registers=1.8.0&bucket=1h`, { ...asRole('analyst'), accept: 'text/csv' })
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8')
    expect(csv.payload.trimEnd().split('\r\n')).toHaveLength(13)
    expect((await get(`${DAY}&point=P-001&format=csv`, asRole('viewer'))).json().code).toBe('API_PERMISSION')
    expect((await get(`${DAY}&point=P-001&fn=last&bucket=day`, asRole('viewer'))).statusCode).toBe(200)
  })
  it.each([
    [`${DAY}&point=P-001&fn=sum`, 422, 'SERIES_SUM'],
    [`${DAY}&point=P-001&fn=mean&registers=1.8.0`, 422, 'SERIES_SUM'],
    [`${DAY}&point=P-999`, 404, 'API_POINT'],
    [DAY, 400, 'API_VALUE'],
    [`${DAY}&point=P-001&bucket=week`, 400, 'API_VALUE'],
    [`${DAY}&point=P-001&bucket=raw&fn=last`, 400, 'API_VALUE'],
    [`${DAY}&point=P-001&kind=energy&bucket=raw`, 400, 'API_VALUE'],
    [`${DAY}&point=P-001&registers=volts`, 400, 'API_VALUE'],
    [`${DAY}&kind=area&area=none&registers=loss`, 400, 'API_VALUE'],
    [`${DAY}&kind=area&area=A-07&registers=colour`, 422, 'SERIES_FIELD'],
    ['from=2026-08-15T00:00:00Z&to=2026-08-14T00:00:00Z&point=P-001', 400, 'API_VALUE'],
    ['from=2020-08-15T00:00:00Z&to=2026-08-14T00:00:00Z&point=P-001&bucket=15m&fn=last', 422, 'SERIES_RANGE'],
  ])('%s is refused', async (query, status, code) => {
    const answer = await get(query, asReader)
    expect([answer.statusCode, answer.json().code]).toEqual([status, code])
  })
})
