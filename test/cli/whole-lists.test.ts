import { createServer, type IncomingMessage } from 'node:http'
import { Type } from 'typebox'
import { expect, it, onTestFinished } from 'vitest'
import { askWhole } from '../../src/cli/gaps.ts'
import { askedWhole } from '../../src/cli/gateway-api.ts'

/** A list in pages, by cursor. */
const serve = async (pages: Readonly<Record<string, object>>) => {
  const asked: string[] = []
  const server = createServer(({ url = '' }: IncomingMessage, response) => {
    asked.push(url)
    const cursor = new URL(url, 'http://x').searchParams.get('cursor') ?? ''
    response.setHeader('content-type', 'application/json').end(JSON.stringify(pages[cursor]))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { asked, access: { url: `http://127.0.0.1:${address.port}`, token: 'gt_x' } }
}

it('puts the pages of several lists together and keeps the rest of the first', async () => {
  const { access, asked } = await serve({
    '': { at: 1, come: ['a', 'b'], go: [], next: 'two +/' },
    'two +/': { at: 2, come: ['c'], go: ['x'], next: 'three' },
    three: { at: 3, come: [], go: ['y'], next: null },
  })
  const Trial = Type.Object({ at: Type.Integer(), come: Type.Array(Type.String()), go: Type.Array(Type.String()) })
  expect(await askWhole(access, '/trial', Trial, { limit: '2' }, ['come', 'go'])).toEqual({ at: 1, come: ['a', 'b', 'c'], go: ['x', 'y'] })
  expect(asked).toEqual(['', '&cursor=two+%2B%2F', '&cursor=three'].map((cursor) => `/api/v1/trial?limit=2${cursor}`))
  expect(await askedWhole(access, '/api/v1/trial', {}, 'come')).toMatchObject({ at: 1, come: ['a', 'b', 'c'] })
})

it('takes an answer without pages as it is, and refuses what is none of that form', async () => {
  const { access } = await serve({ '': { items: [1, 2] } })
  expect(await askWhole(access, '/old', Type.Object({ items: Type.Array(Type.Integer()) }))).toEqual({ items: [1, 2] })
  await expect(askWhole(access, '/old', Type.Object({ items: Type.Array(Type.String()) }))).rejects.toThrow('something else')
})
