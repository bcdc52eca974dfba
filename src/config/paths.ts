import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The directory with package.json and config/, found from here upwards: the sources and the compiled tree lie at different depths. */
export const packageRoot = (): string => {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!(existsSync(join(directory, 'package.json')) && existsSync(join(directory, 'config')))) {
    const parent = dirname(directory)
    if (parent === directory) throw new Error('the package is incomplete: package.json and config/ are missing')
    directory = parent
  }
  return directory
}
