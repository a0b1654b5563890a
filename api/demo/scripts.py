"""What the demonstration's two programmes say, written for it."""

GOOD_EXAMPLE = """
Kính chào quý vị và bà con. Mời bà con nghe chuyên mục Gương sáng thoát nghèo.
Ba năm trước, gia đình chị Lan ở xã Đạo Lý còn là hộ nghèo. Nhà có bốn miệng ăn, hai sào ruộng,
mái nhà dột mỗi khi trời mưa. Chồng chị đi làm thuê xa, chị ở nhà nuôi con và chăm mẹ già.
Năm đó, cán bộ hội phụ nữ xã đến tận nhà, hỏi chị có muốn vay vốn nuôi bò hay không.
Chị kể: lúc đầu tôi sợ lắm, sợ bò ốm, sợ không trả được nợ. Nhưng các chị trong hội bảo,
cứ mạnh dạn làm, có gì khó thì cả hội cùng lo.
Chị vay năm mươi triệu đồng từ Ngân hàng Chính sách xã hội, mua hai con bò cái sinh sản.
Cán bộ thú y hướng dẫn chị cách làm chuồng cho cao ráo, tiêm phòng đủ mũi, ủ rơm với men để
bò có thức ăn trong mùa đông. Mỗi tuần chị ghi vào một cuốn sổ nhỏ: bò ăn gì, nặng bao nhiêu,
hôm nào tiêm thuốc.
Sau mười bốn tháng, hai con bò đẻ hai con bê. Chị bán một con, trả được một phần nợ, phần còn
lại mua thêm gà thả vườn. Phân bò chị ủ để trồng rau, rau bán ở chợ phiên mỗi sáng.
Đến cuối năm ngoái, chị trả hết nợ. Gia đình chị viết đơn xin ra khỏi danh sách hộ nghèo,
để nhường phần hỗ trợ cho nhà khác khó khăn hơn.
Chị Lan nói: thoát nghèo không phải nhờ may mắn. Trước hết là mình phải chịu khó, thứ hai là
biết hỏi người biết việc, và thứ ba là không giấu cái khó của mình.
Hôm nay, chị là tổ trưởng tổ vay vốn của thôn. Mười hai gia đình trong tổ đang nuôi bò theo
cách của chị. Bà con nào muốn tìm hiểu, xin mời đến nhà văn hóa thôn vào sáng thứ bảy hằng tuần.
Chuyên mục Gương sáng thoát nghèo xin dừng tại đây. Cảm ơn bà con đã lắng nghe.
"""

POLICY = """
Kính chào bà con. Mời bà con nghe bản tin Chính sách và đời sống.
Tin thứ nhất. Từ đầu tháng này, các hộ nghèo và hộ cận nghèo được vay vốn với lãi suất ưu đãi để
sửa nhà, mua cây giống và con giống. Mức vay cao nhất là một trăm triệu đồng, thời hạn vay đến
mười năm. Bà con muốn vay hãy gặp tổ trưởng tổ tiết kiệm và vay vốn trong thôn. Khi đi nhớ mang
theo căn cước công dân và sổ hộ nghèo nếu có.
Tin thứ hai. Học sinh con hộ nghèo được miễn học phí và được cấp sách giáo khoa. Phụ huynh nộp
đơn tại trường trước ngày ba mươi của tháng. Nhà trường không thu bất cứ khoản tiền nào khi nhận
đơn.
Tin thứ ba. Trung tâm y tế huyện tổ chức khám bệnh miễn phí cho người cao tuổi tại trạm y tế xã
vào sáng chủ nhật. Bà con nên nhịn ăn sáng để xét nghiệm máu, mang theo thẻ bảo hiểm y tế và
những thuốc đang dùng.
Tin thứ tư. Trời sắp chuyển rét. Bà con che kín chuồng trại, giữ nền chuồng khô, cho trâu bò ăn
thêm tinh bột và uống nước ấm pha chút muối. Khi nhiệt độ xuống dưới mười hai độ, không thả trâu
bò ra đồng. Lúa và rau màu cần được tưới đủ ẩm trước khi rét về.
Tin thứ năm. Gần đây có người gọi điện tự xưng là cán bộ, yêu cầu bà con chuyển tiền để nhận hỗ
trợ. Cán bộ nhà nước không bao giờ yêu cầu chuyển tiền qua điện thoại. Gặp trường hợp đó, bà con
không làm theo, không đọc mã số cho ai, và báo ngay cho công an xã.
Bản tin đến đây là hết. Xin chào và hẹn gặp lại bà con vào buổi phát thanh sau.
"""

PROGRAMMES = (
    ("Gương sáng thoát nghèo: chị Lan nuôi bò", GOOD_EXAMPLE),
    ("Chính sách và đời sống", POLICY),
)
