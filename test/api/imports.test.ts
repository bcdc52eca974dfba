import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import type { WantedExport } from '../../src/api/import-deps.ts'
import type { ImportPort, NewImport } from '../../src/api/index.ts'
import { err, ok } from '../../src/core/index.ts'
import type { DiffEntry } from '../../src/ledger/index.ts'
import { api, asOperator, asReader } from './fake.ts'
import { fakeImports, IMPORT } from './fake-imports.ts'

const start = async (change: Partial<ImportPort> = {}) => {
  const { app } = await api(fakeImports(change))
  const ask = (url: string) => app.inject({ url: `/api/v1/ledger${url}`, headers: asReader })
  return { app, ask }
}
const busy = { code: 'IMPORT_BUSY', message: 'one is under way', recovery: 'retry' as const, hint: 'wait', context: {} }

it('takes the bytes of a file whatever they call themselves, and says where its import is', async () => {
  let got: { readonly file: NewImport; readonly bytes: Buffer } | null = null
  const { app } = await start({
    begin: async (file, content) => {
      const all: Buffer[] = []
      for await (const piece of content) all.push(Buffer.from(piece))
      got = { file, bytes: Buffer.concat(all) }
      return ok({ ...IMPORT, state: 'checking', report: null })
    },
  })
  for (const type of ['application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', 'text/csv', 'application/json']) {
    const answer = await app.inject({
      ...{ method: 'POST', url: '/api/v1/ledger/imports?format=csv&name=%E8%A1%A8.csv&encoding=gb18030&from=2026-03-01' },
      ...{ headers: { ...asOperator, 'content-type': type }, payload: Buffer.from([1, 0, 255]) },
    })
    expect([answer.statusCode, answer.headers.location]).toEqual([200, '/api/v1/ledger/imports/i1'])
    expect(answer.json()).toMatchObject({ state: 'checking', report: null })
    expect(got).toEqual({
      file: { format: 'csv', name: '表.csv', encoding: 'gb18030', from: '2026-03-01', by: expect.any(String) },
      bytes: Buffer.from([1, 0, 255]),
    })
  }
})

it('refuses readers, other formats, empty and too large bodies, and passes on why not', async () => {
  const { app } = await start({ begin: async (_, content) => (content.resume() ? err({ because: 'busy', error: busy }) : ok(IMPORT)) })
  const send = (url: string, headers: object, payload?: Buffer | Readable) =>
    app.inject({
      method: 'POST',
      url: `/api/v1/ledger${url}`,
      headers: { 'content-type': 'text/csv', ...headers },
      ...(payload ? { payload } : {}),
    })
  expect((await send('/imports?format=csv', asReader, Buffer.from('a'))).statusCode).toBe(403)
  expect((await send('/imports?format=xls', asOperator, Buffer.from('a'))).statusCode).toBe(400)
  expect((await send('/imports', asOperator, Buffer.from('a'))).statusCode).toBe(400)
  expect((await send('/imports?format=csv', asOperator, Buffer.from('a'))).json()).toMatchObject({ status: 503, code: 'IMPORT_BUSY' })
  expect((await send('/imports?format=csv', asOperator, Buffer.alloc(2000))).statusCode).toBe(413)
  // The other routes still take JSON and nothing else.
  expect((await send('/imports/i1/apply', asOperator, Buffer.from('a'))).statusCode).toBe(415)
})

it('shows an import with its dry run, page by page', async () => {
  const problems = Array.from({ length: 3 }, (_, at) => ({
    code: 'SHEET_ROUNDED',
    place: `S!C${at}`,
    against: null,
    message: 'm',
    hint: 'h',
  }))
  const { ask } = await start({ problems: (id, after, limit) => (id === 'i1' ? problems.slice(after, after + limit) : null) })
  expect((await ask('/imports')).json().items).toHaveLength(1)
  expect((await ask('/imports/i1')).json()).toMatchObject({ state: 'ready', report: { added: 4, warnings: [{ place: '台账!N1' }] } })
  const first = (await ask('/imports/i1/problems?limit=2')).json()
  expect(first.items.map(({ place }: { place: string }) => place)).toEqual(['S!C0', 'S!C1'])
  const second = (await ask(`/imports/i1/problems?limit=2&cursor=${first.next}`)).json()
  expect(second).toMatchObject({ items: [{ place: 'S!C2' }], next: null })
  for (const url of ['/imports/no', '/imports/no/problems', '/imports/no/entries'])
    expect((await ask(url)).json()).toMatchObject({ status: 404, code: 'API_IMPORT' })
})

it('applies with a reason and a work order in the name of the token, and deletes', async () => {
  const acts: unknown[] = []
  const { app } = await start({
    apply: (_, act) => {
      acts.push(act)
      return ok({ ...IMPORT, state: 'applying' })
    },
  })
  const post = (payload: object) => app.inject({ method: 'POST', url: '/api/v1/ledger/imports/i1/apply', headers: asOperator, payload })
  expect((await post({})).statusCode).toBe(400)
  expect((await post({ why: 'survey', workOrder: 'WO-1' })).statusCode).toBe(200)
  expect(acts).toMatchObject([{ what: 'import', why: 'survey', workOrder: 'WO-1' }])
  expect((await app.inject({ method: 'DELETE', url: '/api/v1/ledger/imports/i1', headers: asOperator })).statusCode).toBe(200)
})

it('sends the ledger and its template as files', async () => {
  const { ask } = await start()
  const file = await ask('/export?format=csv&asOf=2026-03-01T00:00:00Z&lang=en')
  expect([file.statusCode, file.headers['content-type'], file.headers['content-disposition'], file.body]).toEqual([
    ...[200, 'text/csv; charset=utf-8', 'attachment; filename="ledger.csv"', '户号'],
  ])
  expect((await ask('/template?format=xlsx')).headers['content-disposition']).toBe('attachment; filename="template.xlsx"')
  expect((await ask('/template?format=yaml')).statusCode).toBe(400)
})

it('gives a reader entries and exports without what says something of a person', async () => {
  const wanted: WantedExport[] = []
  const entry: DiffEntry = {
    ...{ kind: 'customer', id: '0012', from: 0, change: 'changed', place: 'f.csv:2' },
    attributes: [
      { name: 'address', before: null, after: 'Lane 8' },
      { name: 'name', before: null, after: '***' },
    ],
  }
  const { app } = await start({
    entries: () => [entry],
    export: async (what) => {
      wanted.push(what)
      return ok({ name: 'ledger.csv', type: 'text/csv; charset=utf-8', content: Readable.from(['x']) })
    },
  })
  for (const headers of [asReader, asOperator]) await app.inject({ url: '/api/v1/ledger/export?format=csv', headers })
  expect(wanted.map(({ hidesPersonal }) => hidesPersonal)).toEqual([true, false])
  const entries = async (headers: Record<string, string>) =>
    (await app.inject({ url: '/api/v1/ledger/imports/i1/entries', headers })).json().items[0].attributes
  expect(await entries(asReader)).toEqual([
    { name: 'address', before: null, after: '***' },
    { name: 'name', before: null, after: '***' },
  ])
  expect(await entries(asOperator)).toEqual(entry.attributes)
})
