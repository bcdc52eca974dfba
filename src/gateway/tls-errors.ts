import { failWith } from '../core/index.ts'

/** Every way certificates cannot be used, and what happens next. */
export const tlsFailure = failWith({
  TLS_FILE: { recovery: 'stop', hint: 'the file must be there, in PEM form, and readable by the user the gateway runs as' },
  TLS_KEY: { recovery: 'stop', hint: 'key and certificate are made together: put both files of one pair in place' },
  TLS_DATES: { recovery: 'stop', hint: 'get a certificate that is good today, or look at the clock of this machine' },
  TLS_REFUSED: { recovery: 'stop', hint: 'OpenSSL will not use it; openssl x509 -text -in FILE shows what it is' },
})
