"""A thread's own connection to Redis: cut or forgotten scripts are no error of a message, and no answer is another's."""

from threading import Thread

import pytest
from redis import Redis, RedisError

from bot.base.redis_scripts import ThreadLocalScripts
from bot.runtime import Runtime

ECHO = "return {KEYS[1], ARGV[1]}"


@pytest.fixture
def told(services: Runtime) -> tuple[ThreadLocalScripts, Redis]:
    return ThreadLocalScripts(services.redis), services.redis


def test_a_cut_connection_and_forgotten_scripts_are_mended(told: tuple[ThreadLocalScripts, Redis]) -> None:
    line, redis = told
    script = redis.register_script(ECHO)
    assert line.run(script, ["a"], [1]) == [b"a", b"1"], "not known to the server before"
    redis.script_flush()
    assert line.run(script, ["b"], ["2"]) == [b"b", b"2"]
    redis.client_kill_filter(_type="normal", skipme=True)
    assert line.run(script, ["c"], [b"3"]) == [b"c", b"3"]


def test_an_error_of_a_script_is_raised_and_the_next_answer_is_its_own(told: tuple[ThreadLocalScripts, Redis]) -> None:
    line, redis = told
    with pytest.raises(RedisError, match="wrong"):
        line.run(redis.register_script("return redis.error_reply('wrong')"), ["a"], [1])
    assert line.run(redis.register_script(ECHO), ["d"], [4]) == [b"d", b"4"]


def test_threads_do_not_share_it(told: tuple[ThreadLocalScripts, Redis]) -> None:
    line, redis = told
    script, wrong = redis.register_script(ECHO), []

    def talk(name: str) -> None:
        wrong.extend(n for n in range(200) if line.run(script, [name], [n]) != [name.encode(), str(n).encode()])

    threads = [Thread(target=talk, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_server_that_is_away_is_said() -> None:
    away = Redis.from_url("unix:///nowhere/redis.sock")
    with pytest.raises(RedisError):
        ThreadLocalScripts(away).run(away.register_script(ECHO), ["a"], [1])
