import { existsSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'

/**
 * Address of a worker's compiled file. Run from the compiled tree it lies beside the caller; run from the sources (tests) it is
 * taken from `dist/`, because a worker thread of Node 20 cannot load TypeScript.
 *
 * @param caller  `import.meta.url` of the module that starts the worker
 * @param name    file name without extension, beside the caller
 */
export const workerUrl = (caller: string, name: string): URL => {
  const beside = new URL(`./${name}.js`, caller)
  if (existsSync(fileURLToPath(beside))) return beside
  const path = fileURLToPath(beside)
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const compiled = path.replace(root, `${root}dist/`)
  if (!existsSync(compiled)) throw new Error(`${compiled} is missing: run npm run build first`)
  return pathToFileURL(compiled)
}
