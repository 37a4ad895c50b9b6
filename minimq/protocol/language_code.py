"""Number the languages a peer may be written in.

Java:    remoting.protocol.LanguageCode
Differs: NODE_JS is 5.x; unknown names and numbers read as None.
"""

from enum import IntEnum


class LanguageCode(IntEnum):
    JAVA = 0
    CPP = 1
    DOTNET = 2
    PYTHON = 3
    DELPHI = 4
    ERLANG = 5
    RUBY = 6
    OTHER = 7
    HTTP = 8
    GO = 9
    PHP = 10
    OMS = 11
    RUST = 12
    NODE_JS = 13


LANGUAGE_BY_NAME = {language.name: language for language in LanguageCode}
LANGUAGE_BY_NUMBER = {language.value: language for language in LanguageCode}
