"""An order and a batch from their first click to their last, by clicks only; and two roles at two screens."""

from uuid import uuid4

from playwright.async_api import Page, expect

from tests.browser.conftest import SignIn, Somebody
from tests.shop import Shop


def _name(word: str) -> str:
    return f"{word}-{uuid4().hex[:8]}"


async def _follow(page: Page, view: str, words: str | None = None) -> None:
    await page.get_by_role("navigation", name="Views").get_by_role("link", name=view).click()
    if words is not None:
        await page.locator("main").get_by_role("link", name=words, exact=True).first.click()


async def _fill(page: Page, **fields: str) -> None:
    for label, text in fields.items():
        await page.get_by_label(label.replace("_", " "), exact=False).first.fill(text)


async def _make(somebody: Somebody, kind: str, item: str, quantity: int) -> None:
    """A product or material, and its first units."""
    page = somebody.page
    await _follow(page, "Stock")
    if kind == "material":
        await page.get_by_role("link", name="Materials").click()
    await page.get_by_role("link", name=f"New {kind}").click()
    await page.locator("[name=item_id]").fill(item)
    await page.locator("[name=name]").fill(item.upper())
    await somebody.press("Make it")
    await expect(page.get_by_role("status").filter(has_text="is made")).to_be_visible()
    if quantity:
        await somebody.unfold("Receive")
        form = page.locator("form", has=page.locator("[value=receive]"))
        await form.locator("[name=quantity]").fill(str(quantity))
        await form.locator("[name=unit_cost]").fill("2.50")
        await form.locator("[name=supplier_lot]").fill("S-1")
        await somebody.press("Receive")
        await expect(page.get_by_role("status").filter(has_text=f"{quantity} received")).to_be_visible()


async def test_an_order_from_the_shelf_to_the_door_by_clicks_only(sign_in: SignIn, shop: Shop) -> None:
    somebody = await sign_in("operator")
    page, product = somebody.page, _name("rose")
    await _make(somebody, "product", product, 20)
    await shop.product(product)

    await _follow(page, "Orders", "Place an order")
    await page.locator("[name=customer_id]").fill("ada")
    await page.locator("[name='product_id.1']").fill(product)
    await page.locator("[name='quantity.1']").fill("5")
    await page.locator("[name=city]").fill("Grasse")
    await somebody.press("Place the order")
    await expect(page.locator("[data-part=saga] .steps")).to_contain_text("stock.reserved")
    await somebody.press("Confirm")
    await expect(page.locator("[data-part=head]")).to_contain_text("processing")
    await page.get_by_role("link", name="Picking and parcels").click()
    await somebody.press("Pick as listed")
    await somebody.press("Pack")
    await page.locator("[name=carrier]").fill("DHL")
    await page.locator("[name=tracking_number]").fill("JD-1")
    await somebody.press("Ship")
    await somebody.press("Delivered")
    await expect(page.locator("[data-part=head]")).to_contain_text("delivered")
    await page.get_by_role("link", name="The order").click()

    await expect(page.locator("[data-part=head]")).to_contain_text("fulfilled")
    for event in ("order.created", "stock.confirmed", "order.ready", "fulfillment.shipped", "order.fulfilled"):
        await expect(page.locator("[data-part=saga] .steps")).to_contain_text(event)
    await expect(page.locator("[data-part=saga] .steps")).to_contain_text("fulfillment.delivered")
    assert await page.locator("[data-part=saga] svg path.arrow").count() >= 4
    assert await shop.levels(product) == (15, 0, 15)


async def test_a_batch_from_its_recipe_to_a_lot_by_clicks_only(sign_in: SignIn, shop: Shop) -> None:
    somebody = await sign_in("operator")
    page, product, oil = somebody.page, _name("lily"), _name("oil")
    await _make(somebody, "product", product, 0)
    await _make(somebody, "material", oil, 600)

    await _follow(page, "Production", "Recipes")
    await page.get_by_role("link", name="New recipe").click()
    await page.locator("[name=recipe_id]").fill(f"{product}-recipe")
    await page.locator("[name=product_id]").fill(product)
    await page.locator("[name='material_id.1']").fill(oil)
    await page.locator("[name='quantity_per_unit.1']").fill("50")
    for field, text in (("labour_cost", "1.20"), ("overhead_cost", "0.40"), ("expected_minutes", "30")):
        await page.locator(f"[name={field}]").fill(text)
    await page.locator("[name=shelf_life_days]").fill("1000")
    await somebody.press("Make it")
    await expect(page.get_by_role("status").filter(has_text="Version 1 is made")).to_be_visible()
    await _follow(page, "Production")
    await page.locator("[name=recipe_id]").select_option(f"{product}-recipe")
    await page.locator("[name=quantity]").fill("10")
    await somebody.press("Plan")
    await expect(page.locator("[data-part=head]")).to_contain_text("ready")
    await somebody.press("Start")
    await expect(page.locator("[data-part=head]")).to_contain_text("in progress")
    await somebody.unfold("Quality check")
    await page.locator("[name='rejected.1']").fill("2")
    await somebody.press("Book the check")
    await expect(page.locator("[data-part=checks]")).to_contain_text("2 leak")
    await somebody.unfold("Report what was used")
    await somebody.press("Report")
    await somebody.press("Complete")
    await expect(page.locator("[data-part=head]")).to_contain_text("completed")
    await expect(page.locator("[data-part=facts]")).to_contain_text("a good unit")

    await page.goto(f"{somebody.console}/stock/products/{product}")
    await expect(page.locator("[data-part=level]")).to_contain_text("8")
    await page.locator("[data-part=lots] tbody a").first.click()
    await expect(page.locator("[data-part=trace] svg")).to_contain_text("S-1")
    assert await shop.levels(product) == (8, 0, 8)


async def test_a_refusal_says_what_to_do_and_keeps_what_was_entered(sign_in: SignIn, shop: Shop) -> None:
    somebody = await sign_in("orders")
    page, product = somebody.page, _name("iris")
    await shop.product(product, 3)
    await _follow(page, "Orders", "Place an order")
    await page.locator("[name=customer_id]").fill("ada")
    await page.locator("[name='product_id.1']").fill(product)
    await page.locator("[name='quantity.1']").fill("4")
    await somebody.press("Place the order")

    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("Available: 3, Requested: 4")
    await expect(page.locator("[name='quantity.1']")).to_have_value("4")
    await page.locator("[name='quantity.1']").fill("3")
    await somebody.press("Place the order")
    await expect(page.locator("[data-part=lines] tbody")).to_contain_text("3")
    assert await shop.levels(product) == (3, 3, 0)


async def test_what_one_role_does_another_sees_and_may_not_do(sign_in: SignIn, shop: Shop) -> None:
    product = _name("oud")
    await shop.product(product, 10)
    order_id = await shop.ordered([(product, 2)])
    desk, viewer = await sign_in("orders", "dora"), await sign_in("viewer", "vic")
    for somebody in (desk, viewer):
        await somebody.go(f"/orders/{order_id}")

    confirm = viewer.page.locator("main").get_by_role("button", name="Confirm")
    await expect(confirm).to_be_disabled()
    await expect(viewer.page.locator("[data-part=actions]")).to_contain_text("needs the right orders:write")
    await desk.press("Confirm")
    await expect(viewer.page.locator("[data-part=saga] .steps")).to_contain_text("stock.confirmed")
    await expect(viewer.page.locator("[data-part=head]")).to_contain_text("processing")
    assert "Operations" not in await viewer.page.get_by_role("navigation", name="Views").inner_text()

    forced = await viewer.page.request.post(
        viewer.page.url, form={"action": "cancel", "reason": "no right"}, headers={"Origin": viewer.console}
    )
    assert forced.status == 403
    assert "needs the scope orders:write" in await forced.text()
    assert await shop.status(order_id) == "processing"


async def test_a_form_that_is_sent_twice_is_one_receipt(sign_in: SignIn, shop: Shop) -> None:
    somebody = await sign_in("warehouse")
    page, product = somebody.page, _name("fig")
    await shop.product(product)
    await page.goto(f"{somebody.console}/stock/products/{product}")
    key = await page.locator("form:has([value=receive]) [name=key]").get_attribute("value")
    form: dict[str, str | float | bool] = {
        "action": "receive",
        "key": str(key),
        "quantity": "7",
        "unit_cost": "1",
        "supplier_lot": "S-2",
    }

    for _ in range(2):
        await page.request.post(page.url, form=form, headers={"Origin": somebody.console}, max_redirects=0)

    assert await shop.levels(product) == (7, 0, 7)
