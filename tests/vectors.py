"""Signatures by literal value: the published ones, and two computed independently in Python and in Node."""

CLIENT_KEY = "RLCKb7Ae9kx4DXtXsCWjnDXtggFnM43W"
CLIENT_SECRET = "EhjGcsUUuRSJTHiYPbW5fxzyaKEx0JuAZIKRQ4HnIfNFidB2kMg6locQbTIEz3Vf"

VECTORS = [
    (1620621619569, '{"id":123}', "8ebd092b9df2cf90e8ccbcab2ba87ee14f2abb25eb8f18b4d7286d42adcd45c2"),
    (
        1620621619569,
        "/order?location=H%C3%A0%20N%E1%BB%99i&order_id=88062110977884170",
        "e1e0d63f7f8296dd31b2c082e611351a6c41a3bc0309a9299832f70b693722c8",
    ),
    (
        1620621619569,
        '{"customer_id":"1333","inputs":"{\\"name\\":\\"John\\",\\"phone\\":\\"090123443\\",'
        '\\"address\\":\\"101 Nguyen Van Cu\\"}"}',
        "14506c8dadac50f24ae62aeb0a3e48eb7752c36e70c3623be67e8c6f1e798750",
    ),
    (
        1700000000123,
        '{"customer_id":"1333","inputs":"{\\"name\\":\\"Nguyễn Văn Cừ ÿþ?>\\",'
        '\\"phone\\":\\"0901234433\\",\\"address\\":\\"Số 1 & 2 <Quận 5>\\"}"}',
        "a578decddce46420ee0367607a47026924f543f4b24d251fb1ccbb4ed788d265",
    ),
]
