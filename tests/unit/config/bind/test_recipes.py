"""Recipes: several apps, several of each, and what is otherwise on one target."""

from __future__ import annotations

from stead.values.kinds import Check, OnTarget
from stead.values.manifest import Variable


def web(c, ports="8000-8009", **options):
    c.host("lab", ports={"web": ports})
    c.app("web", listen={"PORT": "host.ports.web"}, run=("web",), **options)
    c.app("api", listen={"PORT": "host.ports.web"}, processes=(("serve", ("s",)), ("work", ("w",))))


def port(composition, app, instance=1, recipe="r", **more):
    table = composition.resolve(recipe=recipe, app=app, instance=instance, **more)
    assert not table.errors
    return int(table.entry("PORT").value)


def test_each_of_several_has_a_port_of_its_own(composition):
    web(composition)
    composition.recipe("r", "web", "api", counts=(("web", 3), ("api:work", 2)))
    got = [port(composition, "web", n) for n in (1, 2, 3)]
    got += [port(composition, "api", n) for n in (1, 2)]
    assert len(set(got)) == 5
    # The first is the one that it has without the recipe.
    assert got[0] == port(composition, "web", recipe="")


def test_two_recipes_of_one_target_do_not_meet(composition):
    web(composition)
    composition.target("t", "lab")
    composition.recipe("one", "web", targets=("t",))
    composition.recipe("two", "web", targets=("t",), counts=(("web", 2),))
    got = [port(composition, "web", recipe="one", target="t")]
    got += [port(composition, "web", n, "two", target="t") for n in (1, 2)]
    assert len(set(got)) == 3
    # Where they do not run side by side, both have the port that all know.
    composition.target("u", "lab")
    composition.recipe("three", "web", targets=("u",))
    assert port(composition, "web", recipe="three") == got[0]


def test_too_few_ports_for_all_of_them(composition, only):
    web(composition, "8000-8002")
    composition.recipe("r", "web", counts=(("web", 3),))
    finding = only(composition.resolve(recipe="r", app="web"))
    assert "too few for the 4 that listen there" in finding.message
    assert any("PORT of app web 3 of recipe r" in line for line in finding.details)


def test_a_port_that_is_set_outright_cannot_be_had_twice(composition, only):
    web(composition)
    composition.recipe("r", "web", counts=(("web", 2),), settings={"web.PORT": "8005"})
    assert port(composition, "web") == 8005
    finding = only(composition.resolve(recipe="r", app="web", instance=2))
    assert finding.message == "PORT of app web is 8005, and more than one of it is to run there"


def test_counts_and_values_of_a_target_prevail_there(composition):
    web(composition, values={"TITLE": "plain"})
    composition.target("t", "lab")
    composition.target("u", "lab")
    there = OnTarget("t", (("web", 2),), (Variable("web.TITLE", "there"),))
    composition.recipe("r", "web", on=(there,), settings={"web.TITLE": "of r"})
    title = {t: composition.resolve(recipe="r", target=t).entry("TITLE").value for t in "tu"}
    assert title == {"t": "there", "u": "of r"}
    assert port(composition, "web", 2, target="t") != port(composition, "web", 1, target="t")


def test_an_app_is_a_recipe_of_its_own_name(composition):
    web(composition)
    assert port(composition, "", recipe="web") == port(composition, "web", recipe="")


def test_what_is_counted_must_be_there(composition):
    web(composition)
    composition.recipe("r", "web", "api", counts=(("api:wrok", 2),))
    (finding,) = composition.resolve(recipe="r", app="web").errors
    assert finding.message == "recipe r counts api:wrok, which is none of what it runs"
    assert "did you mean api:work?" in finding.remedy


def test_health_is_asked_of_what_the_recipe_runs(composition):
    up = Check("up", "url", "http://localhost:${PORT}/")
    web(composition, health=(up,))
    composition.recipe("r", "web", health=(Check("all", "port", "${PORT}"),), counts=(("web", 2),))
    for instance in (1, 2):
        found = composition.resolve(recipe="r", instance=instance)
        own = found.entry("PORT").value
        assert sorted(c.subject for c in found.health) == [
            f"http://localhost:{own}/",
            f"localhost:{own}",
        ]
    assert composition.resolve(app="web").health == ()


def test_a_value_that_only_the_env_file_has_is_told_on_a_deploy(composition, only):
    composition.declare(URL={"required": True})
    composition.dotenv(URL="x")
    assert not composition.resolve().errors
    finding = only(composition.resolve(deploy=True))
    assert "URL has no value" in finding.message
    assert "let the recipe set it" in finding.remedy
