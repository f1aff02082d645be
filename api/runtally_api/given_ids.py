"""Ids in paths: any text that a producer may give, slashes and line ends too. A path says `{agent_id:given_id}`."""

from starlette.convertors import Convertor, register_url_convertor


class _GivenId(Convertor[str]):
    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("given_id", _GivenId())
