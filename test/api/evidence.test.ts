import { expect, it } from 'vitest'
import { api, asRole } from './fake.ts'
import { EVIDENCE_AT, evidenceOf, fakeEvidence } from './fake-evidence.ts'

const AT = new Date(EVIDENCE_AT).toISOString()
const scopeOf = (...meters: string[]) => ({
  scopeOf: () => ({ all: false, sees: (kind: string, id: string) => kind === 'meter' && meters.includes(id) }),
})

const get = async (url: string, change: Parameters<typeof api>[0] = {}, role: Parameters<typeof asRole>[0] = 'billing') => {
  const { app } = await api(change)
  return app.inject({ url, headers: asRole(role) })
}

it('shows what a reading rests on, every frame taken apart as a trace does', async () => {
  const answer = await get(`/api/v1/readings/evidence?meter=M-P-001&measuredAt=${AT}&source=day-freeze`)
  expect(answer.statusCode).toBe(200)
  expect(answer.json().items).toMatchObject([
    {
      id: '7',
      by: 'task midnight',
      parts: [{ frame: { direction: 'tx', hex: '68 01 02' } }, { frame: { direction: 'rx' } }],
      of: [{ meter: 'M-P-001', measuredAt: AT }],
    },
  ])
  expect((await get(`/api/v1/readings/evidence?meter=M-P-001&measuredAt=${AT}`)).json().items).toHaveLength(1)
  expect((await get(`/api/v1/readings/evidence?meter=M-P-009&measuredAt=${AT}`)).json()).toMatchObject({
    status: 404,
    code: 'API_EVIDENCE',
  })
  expect((await get('/api/v1/readings/evidence?meter=M-P-001&measuredAt=yesterday')).statusCode).toBe(400)
})

it('what lies in other zones does not exist, and frames that carry it are not shown', async () => {
  const url = `/api/v1/readings/evidence?meter=M-P-001&measuredAt=${AT}`
  expect((await get(url, scopeOf('M-2'))).statusCode).toBe(404)
  expect((await get('/api/v1/evidence/7', scopeOf('M-2'))).statusCode).toBe(404)
  expect((await get('/api/v1/evidence/7/pack', scopeOf('M-2'))).statusCode).toBe(404)
  const shared = fakeEvidence(
    evidenceOf({ of: ['M-P-001', 'M-2'].map((meter) => ({ meter, measuredAt: EVIDENCE_AT, source: 'day-freeze' as const })) }),
  )
  const part = (await get('/api/v1/evidence/7', { ...shared, ...scopeOf('M-P-001') })).json()
  expect(part.of).toHaveLength(1)
  expect(part.parts.map(({ frame }: { frame: unknown }) => frame)).toEqual([null, null])
  expect((await get('/api/v1/evidence/7/pack', { ...shared, ...scopeOf('M-P-001') })).json().code).toBe('API_EVIDENCE_SHARED')
})

it('hands a pack out as a file, of a record with several meters only for one that is named', async () => {
  const answer = await get('/api/v1/evidence/7/pack')
  expect([answer.statusCode, answer.headers['content-disposition']]).toEqual([200, 'attachment; filename="evidence-7.json"'])
  expect(answer.json()).toMatchObject({ format: 'gridtally-evidence/1', meter: 'M-P-001' })
  const of = ['M-P-001', 'M-2'].map((meter) => ({ meter, measuredAt: EVIDENCE_AT, source: 'day-freeze' as const }))
  const shared = fakeEvidence(evidenceOf({ of }))
  expect((await get('/api/v1/evidence/7/pack', shared)).statusCode).toBe(400)
  expect((await get('/api/v1/evidence/7/pack?meter=M-2', shared)).json()).toMatchObject({ meter: 'M-2' })
  expect((await get('/api/v1/evidence/7/pack?meter=M-3', shared)).statusCode).toBe(404)
  expect((await get('/api/v1/evidence/8')).statusCode).toBe(404)
  expect((await get('/api/v1/evidence/abc')).statusCode).toBe(400)
})

it('is for who bills and who looks after the system', async () => {
  expect((await get('/api/v1/evidence/7', {}, 'viewer')).statusCode).toBe(403)
  expect((await get('/api/v1/evidence/7', {}, 'engineer')).statusCode).toBe(200)
})
