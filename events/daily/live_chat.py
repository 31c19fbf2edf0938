"""live-chat: a customer and the support assistant of an outfitter, in the middle of a conversation."""

from collections.abc import Mapping
from typing import Any

from events.daily.draw import Draw, texts

TEXTS = texts("live_chat.yaml")
MEAN_CHARACTERS = 12_400
ALWAYS = ("complaints", "stores")  # handbook sections that the desk puts in front of every chat


def params(draw: Draw, clock: str) -> dict[str, Any]:
    """The Messages API's parameters of one chat that was opened at `clock` (HH:MM)."""
    scenario = TEXTS["scenarios"][draw.pick(list(TEXTS["scenarios"]))]
    slots = _slots(draw, scenario, clock)
    messages = _conversation(draw, scenario, slots)
    said = sum(len(message["content"]) for message in messages)
    return {
        "max_tokens": 1400 if draw.chance(0.3) else 1024,
        "system": _system(draw, scenario, slots, draw.size(MEAN_CHARACTERS, 0.3) - said),
        "messages": messages,
    }


def _slots(draw: Draw, scenario: Mapping[str, Any], clock: str) -> dict[str, Any]:
    products = TEXTS["products"][scenario["category"]]
    product = draw.pick(list(products))
    return {
        "product": scenario.get("product", product),
        "product2": draw.pick(list(TEXTS["products"]["jacket"])),
        "mat": draw.pick(["Heather foam mat", "Featherbed 6 mat"]),
        "amount": products[product],
        "order": f"TW-{draw.number(401_000, 499_999)}",
        "size": draw.number(37, 47),
        "two": draw.number(40, 68),
        "points": draw.number(35, 960),
        "first": draw.pick(TEXTS["first_names"]),
        "last": draw.pick(TEXTS["last_names"]),
        "home": draw.pick(TEXTS["cities"]),
        "city": draw.pick(TEXTS["stores"]),
        "ordered": scenario.get("ordered", f"{draw.number(4, 10)} November 2026"),
        "carrier": draw.pick(TEXTS["carriers"]),
        "day": draw.pick(TEXTS["days"]),
        "coming": draw.pick(TEXTS["coming_days"]),
        "desk": draw.pick(TEXTS["desks"]),
        "page": draw.pick(TEXTS["pages"]),
        "today": "Monday, 23 November 2026",
        "clock": clock,
    }


def _conversation(draw: Draw, scenario: Mapping[str, Any], slots: Mapping[str, Any]) -> list[dict[str, str]]:
    """Turns in order, sometimes with an aside before the last question; begins and ends with the customer.

    A customer keeps to one of the scenario's stories throughout, and to one way of typing.
    """
    story, hasty = draw.number(0, 1), draw.chance(0.15)
    said = [variants[story % len(variants)] for variants in scenario["turns"]]
    if draw.chance(0.4):
        said[-1:-1] = draw.pick(TEXTS["asides"])
    turns = [text.format(**slots) for text in said]
    return [
        {"role": "assistant", "content": text} if position % 2 else {"role": "user", "content": _typed(text, hasty)}
        for position, text in enumerate(turns)
    ]


def _typed(text: str, hasty: bool) -> str:  # noqa: FBT001
    return text.replace("'", "").lower().rstrip(".") if hasty else text


def _system(draw: Draw, scenario: Mapping[str, Any], slots: Mapping[str, Any], room: int) -> str:
    """Persona, handbook and customer record; sections that the case does not need are added while there is room."""
    wanted = list(dict.fromkeys([*scenario["sections"], *ALWAYS]))
    spare = draw.shuffled([name for name in TEXTS["handbook"] if name not in wanted])
    head, record = TEXTS["persona"], _record(draw, slots)
    room -= len(head) + len(record)
    for name in spare:
        if sum(len(TEXTS["handbook"][chosen]) for chosen in wanted) >= room:
            break
        wanted.append(name)
    handbook = "\n\n".join(text for name, text in TEXTS["handbook"].items() if name in wanted)
    return "\n\n".join([head, "HANDBOOK (excerpt)", handbook, record, TEXTS["closing"].format(**slots)])


def _record(draw: Draw, slots: Mapping[str, Any]) -> str:
    since = draw.number(2014, 2022)
    member = f"member since {since}, {slots['points']} points" if draw.chance(0.6) else "no membership"
    years = sorted((draw.number(2023, 2025) for _ in range(draw.number(1, 9))), reverse=True)
    return "\n".join(
        [
            "CUSTOMER RECORD",
            f"{slots['first']} {slots['last']}, {slots['home']}; customer since {since}; {member}",
            f"{slots['order']} | {slots['ordered']} | {slots['product']} | {slots['amount']} | {slots['carrier']}",
            *(_earlier_order(draw, year) for year in years),
        ]
    )


def _earlier_order(draw: Draw, year: int) -> str:
    product, price = draw.pick([item for kind in TEXTS["products"].values() for item in kind.items()])
    day = f"{draw.number(1, 28)} {draw.pick(['January', 'March', 'April', 'June', 'July', 'September', 'October'])}"
    state = draw.pick(["delivered", "delivered", "delivered", "returned, refunded", "collected in store"])
    order = f"TW-{(year - 2023) * 90 + draw.number(120, 209)}{draw.number(100, 999)}"
    return f"{order} | {day} {year} | {product} | {price} | {state}"
