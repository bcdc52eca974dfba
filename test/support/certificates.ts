import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { programPath } from './influxd.ts'

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

export const OPENSSL = programPath('openssl') ?? 'openssl'

/** A maker of PEM files in a directory: a CA of its own, and what that signs for 127.0.0.1 and localhost. */
export const certificates = (folder: string) => {
  const openssl = (...args: readonly string[]) => execFileSync(OPENSSL, args, { cwd: folder, stdio: 'pipe' })
  const at = (name: string) => join(folder, name)
  const ca = (name: string): void => {
    openssl('req', '-x509', ...EC, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-days', '3650', '-subj', `/CN=${name}`)
  }
  writeFileSync(at('names.ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  ca('ca')
  return {
    at,
    ca,
    openssl,
    /** `NAME.pem` and `NAME.key`, good from now on for so many days; a negative number: it has expired. */
    sign: (name: string, days: number, by = 'ca'): void => {
      openssl('req', ...EC, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
      const signed = ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial', '-days', String(days), '-extfile', 'names.ext']
      openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signed)
    },
    /** `crl.pem` of the CA that revokes these. */
    revoke: (...names: readonly string[]): void => {
      writeFileSync(at('index.txt'), '')
      writeFileSync(at('crlnumber'), '01\n')
      const section = '[c]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=30\n'
      writeFileSync(at('ca.cnf'), `[ca]\ndefault_ca=c\n${section}`)
      const given = ['-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key']
      for (const name of names) openssl('ca', ...given, '-revoke', `${name}.pem`)
      openssl('ca', ...given, '-gencrl', '-out', 'crl.pem')
    },
  }
}
