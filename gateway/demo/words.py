"""Names of invented people, and the places they live in.

Massachusetts is a place of many arrivals, so a family has an origin, which gives it a surname and, more
often than not, the given names of its children. Every combination is made up; a likeness is chance.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a family's names come from, and how often such a family is met (a weight)."""

    weight: int
    families: tuple[str, ...]
    given: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _origin(weight: int, families: str, given: str) -> Origin:
    return Origin(weight, _words(families), _words(given))


ORIGINS = (
    _origin(  # old New England
        14,
        "Alden Babbitt Chapin Cushing Eldredge Fairbanks Fiske Gilbert Hathaway Holbrook Lathrop Merriam Nye "
        "Peabody Prescott Sears Sibley Thayer Tillinghast Wheelock Whitcomb Winslow Wolcott Woodbury",
        "Abigail Amos Asa Calvin Clara Edith Eleanor Ezra Grace Hannah Harriet Henry Hope Josiah Lydia Martha "
        "Nathaniel Phoebe Samuel Silas Susannah Thaddeus Walter",
    ),
    _origin(  # Ireland
        15,
        "Brennan Callahan Carmody Cronin Cullinane Dempsey Donoghue Fallon Finnerty Flaherty Geoghegan Hanlon "
        "Keohane Lenihan Mahoney McGrath McNamara Mulvey Nolan O’Leary O’Rourke Quinlan Scanlon Tierney",
        "Aidan Aoife Brendan Bridget Catriona Ciara Colleen Conor Declan Dermot Eileen Fiona Kieran Liam Maeve "
        "Maureen Niamh Nora Patrick Rory Seamus Shannon Siobhán Tara",
    ),
    _origin(  # Italy
        9,
        "Abruzzese Bellofatto Cacciatore Calabrese DeLuca DiNapoli Esposito Ferrante Giammarco Iannelli "
        "Lombardi Mancuso Marchetti Palladino Pellegrini Petrillo Ricciardi Santangelo Tedesco Vitale Zambelli",
        "Angela Anthony Carla Carmela Dominic Enzo Francesca Gabriella Gianna Gino Isabella Luca Marco Mario "
        "Matteo Nico Paolo Rosalie Sofia Vincent",
    ),
    _origin(  # Portugal, the Azores, Brazil and Cape Verde
        11,
        "Almeida Amaral Andrade Araújo Barros Botelho Cabral Conceição Correia DaRosa Fontes Furtado Gonçalves "
        "Medeiros Monteiro Moniz Pacheco Pimentel Resendes Semedo Tavares Teixeira Varela Vieira",
        "Adilson Amélia Beatriz Caio Débora Djenane Duarte Fernanda Filomena Inês João Joaquim Larissa Lúcia "
        "Manuel Marisol Nelson Otávio Rafaela Thiago Tomás Vanessa",
    ),
    _origin(  # Puerto Rico, the Dominican Republic, Central America
        11,
        "Acevedo Alvarado Báez Candelaria Colón Echevarría Feliciano Figueroa Guzmán Hernández Jiménez "
        "Maldonado Matos Morales Nieves Núñez Orellana Peralta Quiñones Rosario Santiago Taveras Vélez Zelaya",
        "Adriana Alejandro Ana Andrés Camila Carlos Daniela Diego Elena Esteban Gabriela Ignacio Jorge José "
        "Luz Mariana Mateo Miguel Paola Raúl Rosa Santiago Valeria Yolanda",
    ),
    _origin(  # French Canada
        7,
        "Archambault Beaulieu Boisvert Charbonneau Cormier Desrosiers Dubé Fontaine Gagnon Girouard Lachance "
        "LaFleur Levesque Mercier Ouellette Paquette Pelletier Robichaud Thibodeau Trudeau",
        "Adèle Aurélie Benoit Camille Celeste Claude Estelle Gaston Genevieve Lucien Margot Mathieu Noëlle "
        "Philippe Renée Simone Théo Yvette",
    ),
    _origin(  # Poland, Lithuania, Ukraine
        7,
        "Bielski Chmura Dąbrowski Gawron Jaworski Kaminski Kosciuk Kovalenko Lisowski Majewski Nowak Ostrowski "
        "Pietrzak Rakauskas Shevchenko Szymanski Wojcik Zielinski",
        "Agnieszka Aleksander Bohdan Casimir Danuta Ewa Halina Irena Janusz Jadwiga Kasia Magdalena Oksana "
        "Piotr Stefan Tadeusz Wanda Zofia",
    ),
    _origin(  # Greece, Armenia, Albania
        4,
        "Anagnos Bagdasarian Demetriou Hagopian Hoxha Kalajian Karagianis Leka Mardirosian Pappas Petrosyan "
        "Stamatis Tashjian Vasilakis",
        "Anahit Ani Aram Arben Despina Eleni Georgios Hovsep Konstantina Lusine Nikos Raffi Sona Stavros "
        "Taline Vasiliki",
    ),
    _origin(  # Vietnam, Cambodia, Laos
        5,
        "Bui Chhim Dang Doan Hoang Keo Khamvongsa Lam Ngo Nguyen Pham Phan Prak Sok Sar Tran Truong Vo",
        "Anh Bopha Chanthou Dara Duc Hanh Hien Khanh Lan Linh Mai Minh Phuong Quang Rithy Sokha Thanh Trang "
        "Tuan Vuthy",
    ),
    _origin(  # China, Taiwan, Korea, Japan
        5,
        "Chang Chen Cho Fujimoto Han He Hwang Kang Kim Kwon Li Lin Liu Nakagawa Park Tanabe Wang Xu Yoon Zhang",
        "Akiko Eun-ji Fang Hana Hiro Jin Jisoo Kenji Lei Mei Min-jun Naomi Seo-yeon Shu Tao Wei Xiaoming Yan "
        "Yuki Yuna",
    ),
    _origin(  # India, Pakistan, Bangladesh, Nepal
        6,
        "Acharya Ahmed Banerjee Bhatt Chowdhury Desai Ghosh Iyer Joshi Kapoor Khan Kulkarni Mehta Nair Patel "
        "Pillai Rahman Rao Sharma Shrestha Thapa Venkataraman",
        "Aarav Aditi Anjali Arjun Asif Deepa Farhan Imran Ishaan Kavya Lakshmi Maya Meera Nikhil Priya Rohan "
        "Sanjay Tanvi Usha Vikram Zara",
    ),
    _origin(  # Haiti, Jamaica, Trinidad
        6,
        "Alcindor Baptiste Beauvais Campbell Celestin Charlery Desir Estimé Fleurimond Grant Jean-Baptiste "
        "Lamour Mondésir Pierre-Louis Reid Sinclair St-Fleur Toussaint Wilmot",
        "Carline Chantal Darius Dwayne Emmanuel Fabiola Guerda Jean-Marc Kadeem Kerline Lovelie Marvens "
        "Mirlande Nadège Reginald Rose-Laure Shanice Tamara Wilner",
    ),
    _origin(  # Nigeria, Ghana, Kenya, Ethiopia, Somalia
        5,
        "Abdi Adebayo Adeyemi Appiah Asante Bekele Boateng Eze Farah Haile Kamau Mensah Mwangi Nwosu Obi "
        "Okafor Osei Tesfaye Warsame Yusuf",
        "Abena Abeo Adaeze Akosua Amara Chidi Chinwe Efua Fatuma Hodan Ifeoma Kofi Kwame Liban Mulu Ngozi "
        "Nia Selam Tunde Wanjiru Yaw Zawadi",
    ),
    _origin(  # Lebanon, Syria, Morocco, Iraq
        4,
        "Abboud Bennani Chahine Daher El-Amin Fakhoury Haddad Idrissi Khoury Maalouf Mansour Najjar Saba "
        "Tannous Zogby",
        "Amal Fadi Farid Hala Hassan Karim Layla Leila Mira Nabil Nour Omar Rania Sami Samira Tarek Yasmin",
    ),
    _origin(  # Jewish families of eastern Europe
        4,
        "Abramowitz Berkowitz Cantor Edelstein Feinberg Garfinkel Horowitz Kaplan Lefkowitz Mendelsohn "
        "Rabinowitz Shapiro Teitelbaum Weissman Zuckerman",
        "Adina Ari Benjamin Dalia Eli Esther Ezekiel Ilana Judith Leah Micah Miriam Naomi Noah Rachel Rivka "
        "Simon Talia",
    ),
)

# Given names that any family may choose.
COMMON_GIVEN = _words(
    "Aaliyah Addison Alex Alice Amelia Andrew Aria Audrey Aurora Ava Avery Blake Brooke Caleb Cameron "
    "Caroline Casey Charlotte Chase Chloe Christopher Claire Cole Cora Daniel David Dylan Edward Eliza "
    "Elizabeth Ella Emily Emma Ethan Eva Evan Evelyn Finn Gavin George Georgia Hailey Harper Hazel Hudson "
    "Hunter Iris Isaac Isla Ivy Jack Jackson Jacob Jade James Jasmine Jason Jenna Jordan Joseph Josephine "
    "Julia Julian June Kate Kayla Keira Kyle Laura Lauren Leo Lila Logan Lucas Lucy Luna Madison Marcus "
    "Maria Mason Matthew Max Megan Mia Michael Molly Morgan Naomi Nathan Nicholas Nicole Nina Noelle "
    "Oliver Olivia Oscar Owen Paige Parker Penelope Peter Quinn Rachel Rebecca Reese Riley Robert Rose "
    "Ruby Ryan Sadie Samantha Sarah Sean Sebastian Skylar Sophia Spencer Stella Stephen Sydney Taylor "
    "Theodore Thomas Tyler Victoria Violet William Wyatt Zoe"
)

# Short forms that people go by: they stand in the roster as preferred names.
PREFERRED = {
    "Abigail": "Abby", "Alejandro": "Alex", "Andrew": "Drew", "Benjamin": "Ben", "Catriona": "Cat",
    "Christopher": "Chris", "Daniel": "Danny", "Eleanor": "Nell", "Elizabeth": "Liz", "Fernanda": "Nanda",
    "Francesca": "Frankie", "Gabriella": "Gabby", "James": "Jamie", "Joseph": "Joe", "Josephine": "Josie",
    "Katherine": "Kate", "Magdalena": "Magda", "Matthew": "Matt", "Michael": "Mike", "Nathaniel": "Nate",
    "Nicholas": "Nick", "Patrick": "Paddy", "Penelope": "Penny", "Rebecca": "Becca", "Robert": "Bob",
    "Samantha": "Sam", "Samuel": "Sam", "Stephen": "Steve", "Susannah": "Sukey", "Thaddeus": "Tad",
    "Theodore": "Teddy", "Thomas": "Tom", "Victoria": "Tori", "Vincent": "Vinny", "William": "Will",
}  # fmt: skip

# Where families keep their mail. All of it is reserved for examples (RFC 2606), so none of it is real;
# addresses at gmail.com get an underscore, which no real account there may have.
PROVIDERS = (
    "comcast-home.example",
    "verdant-mail.example",
    "bayline.example",
    "outlook-home.example",
    "icedcloud.example",
    "pioneer-valley.example",
)

SUBJECTS = _words(
    "English Mathematics Biology Chemistry Physics History Civics Spanish French Latin Portuguese Art "
    "Music Health Geography Statistics Economics"
)

SPORTS = {
    "fall": ("Field Hockey", "Soccer", "Golf", "Football", "Cross Country", "Volleyball"),
    "winter": ("Basketball", "Ice Hockey", "Swimming", "Indoor Track", "Wrestling", "Skiing"),
    "spring": ("Baseball", "Softball", "Lacrosse", "Rowing", "Tennis", "Outdoor Track"),
}

CLUBS = (
    "Robotics Club", "Debate Team", "Drama Club", "Model United Nations", "Student Council", "Math League",
    "Yearbook", "Environmental Club", "Jazz Ensemble", "Chess Club", "Literary Magazine", "Rocketry Club",
)  # fmt: skip
