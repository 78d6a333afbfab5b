"""Names of secrets: the keys and labels whose values are secrets. Data, not rules.

Sources: Zoom's API reference and invitations in the languages that Zoom has, as of 2026-11; the
usual names of other services. In lower case, with underscores in keys and blanks in labels.
"""

WORDS = (
    *("pass", "password", "passwords", "passwd", "passcode", "passcodes", "passphrase", "passkey"),
    *("passkeys", "pwd", "pwds", "pw", "pin", "secret", "secrets", "token", "tokens", "zak", "jwt"),
    *("credential", "credentials", "cred", "creds", "bearer", "cookie", "cookies", "otp", "totp"),
    *("csrf", "xsrf", "psk", "mnemonic", "connection_string", "private_key", "passwort"),
    *("kennwort", "kenncode", "zugangscode", "geheimnis"),
    *("mot_de_passe", "mdp", "code_secret", "code_d_acces"),
    *("contraseña", "contrasena", "código_de_acceso", "codigo_de_acceso", "clave_de_acceso"),
    *("senha", "parola_d_ordine", "codice_di_accesso", "wachtwoord", "toegangscode"),
    *("hasło", "kod_dostępu", "lösenord", "lösenkod", "adgangskode", "adgangskod", "passord"),
    *("salasana", "heslo", "parola", "şifre", "geçiş_kodu", "mật_khẩu", "mật_mã", "kata_sandi"),
    *("kode_sandi", "пароль", "код_доступа", "パスワード", "パスコード"),
    *("密码", "密碼", "口令", "암호", "비밀번호"),
)
"""Secret if it is the name, or a part of the name between underscores."""

ENDINGS = (
    *("password", "passwords", "passcode", "passcodes", "passwd", "secret", "secrets", "token"),
    *("tokens", "passwort", "kennwort", "smtp_delivery_address", "authorization"),
    *("code_verifier", "device_code", "nonce_key", "recovery_phrase", "seed_phrase"),
    "custom_service_instructions",  # server and key of a live stream, as free text
)
"""Secret if the name ends with it."""

CODES = (
    *("verification", "activation", "recovery", "auth", "authorization", "backup", "security"),
    *("sms", "one_time", "access", "claim", "pairing", "unlock", "login", "mfa", "conference"),
    *("participant", "moderator", "invite", "invitation"),
)
"""Words that make a `…_code` a secret. Most codes are not."""

OPEN_KEYS = (
    *("public", "primary", "foreign", "sort", "cache", "map", "partition", "shortcut", "hot"),
    *("translation", "message", "i18n", "idempotency", "setting", "settings", "object", "next"),
    *(
        "custom",
        "customer",
        "managed",
        "start",
        "group",
        "field",
        "keyboard",
        "license_type",
        "turn_off",
        "turn_on",
    ),
)
"""Words with which a `…_key` is not a secret. Most keys with a word before are secrets."""

LABELS = (
    *("mot de passe", "code secret", "code d'accès", "código de acceso", "clave de acceso"),
    *("codice di accesso", "código de acesso", "senha de acesso", "kod dostępu", "код доступа"),
    *("geçiş kodu", "mật khẩu", "mật mã", "kata sandi", "kode sandi", "パスワード", "パスコード"),
    *("密码", "密碼", "口令", "암호", "비밀번호", "contraseña", "hasło", "lösenord", "lösenkod"),
    *("şifre", "пароль", "參會密碼", "会议密码", "ミーティングパスコード", "회의 암호"),
)
"""Labels before a colon that are not ASCII or consist of several words."""
