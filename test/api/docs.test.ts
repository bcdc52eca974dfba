import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { listenApi } from '../../src/api/index.ts'
import { api, OPTIONS } from './fake.ts'

const run = promisify(execFile)
const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)

const browse = async (url: string, folder: string, more: readonly string[]) => {
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update']
  const quiet = [
    '--disable-extensions',
    '--no-first-run',
    '--disable-sync',
    '--disable-default-apps',
    '--enable-logging=stderr',
    '--lang=en',
  ]
  const where = [`--user-data-dir=${join(folder, 'profile')}`, `--log-net-log=${join(folder, 'net.json')}`, '--virtual-time-budget=8000']
  const alone = ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1']
  const { stdout, stderr } = await run(chromium!, [...flags, ...quiet, ...where, ...alone, ...more, url], {
    timeout: 60_000,
    maxBuffer: 64e6,
  })
  // The network log has one event a line; what the browser asks for itself has no page as its initiator.
  const events = readFileSync(join(folder, 'net.json'), 'utf8').split('\n')
  const asked = events.flatMap((event) => /"initiator":"http.*"url":"([^"]+)"/.exec(event)?.[1] ?? [])
  return { stdout, stderr, asked }
}

it.skipIf(chromium === undefined && !process.env.CI)(
  'draws its documentation in a browser without breaking its own rules or asking anybody else',
  async () => {
    const { app } = await api()
    const address = await listenApi(app, OPTIONS)
    const folder = mkdtempSync(join(tmpdir(), 'gridtally-docs-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
    const { stdout, stderr, asked } = await browse(`${address}/docs#/readings`, folder, ['--dump-dom'])
    for (const shown of [
      '/api/v1/points/{id}/readings',
      'Read a meter at once',
      'Metering points',
      'Due readings that did not come',
      'For supervisors',
      'Authorize',
    ])
      expect(stdout.replaceAll('\u200b', '').replace(/<wbr\/?>/g, '')).toContain(shown)
    expect(stderr).not.toMatch(/Content Security Policy|Refused to|violates|Uncaught|CONSOLE.*[Ee]rror/)
    expect(asked).toContain(`${address}/docs/json`)
    expect(asked.filter((url) => !url.startsWith(`${address}/`) && !url.startsWith('data:'))).toEqual([])
    if (process.env.SCREENSHOT)
      await browse(`${address}/docs`, folder, [`--screenshot=${process.env.SCREENSHOT}`, '--window-size=1366,2600'])
  },
)
