import { readFileSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'
import { buildApi } from '../../src/api/index.ts'
import { version } from '../../src/main.ts'
import { CAPS } from '../../src/sheets/index.ts'
import { field, OPTIONS } from './fake.ts'

const FILE = new URL('../../docs/openapi.json', import.meta.url)

const built: { close(): Promise<unknown> }[] = []
afterAll(async () => void (await Promise.all(built.map((app) => app.close()))))

/** As a gateway serves it. */
const described = async (): Promise<unknown> => {
  const { deps } = field()
  const app = await buildApi(
    { ...deps, version: version(), imports: { ...deps.imports, maxBytes: CAPS.bytes } },
    { ...OPTIONS, rateLimit: false },
  )
  built.push(app)
  return (await app.inject('/openapi.json')).json()
}

it('the committed description is the one a gateway serves: `npx vitest run test/api/openapi-file.test.ts -u` after a change', async () => {
  await expect(`${JSON.stringify(await described(), null, 1)}\n`).toMatchFileSnapshot(FILE.pathname)
})

it('the committed description names the version of the package', () => {
  expect(JSON.parse(readFileSync(FILE, 'utf8')).info.version).toBe(version())
})
