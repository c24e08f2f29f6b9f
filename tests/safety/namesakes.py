"""Harmless sentences that hold parts of famous names: places, things, animals, the long dead and fiction."""

from collections.abc import Iterator
from itertools import product

# A namesake is written with what makes it one; the words around it come from the frames.
ENGLISH_PLACES = """the Jordan river; Paris in spring; the Lincoln memorial; the Washington monument; Mount
Rushmore; Charles de Gaulle airport; Martin Luther King street; Victoria falls; Lake Victoria;
Costa Rica; the Santos FC stadium; Sanchez family bakery; Kim's convenience store; the Clinton
road diner; Kennedy space center; the Hoover dam; Cape Kennedy; Queen Elizabeth II bridge; the
Prince of Wales hotel; Houston at night; Austin, Texas; Jackson, Mississippi; Madison square;
Trump tower; Nelson Mandela bridge; John Paul II airport; the Berlin wall; Mount Arafat; Ronald
Reagan airport; Obama, Japan; George Bush intercontinental airport; the Georgia coast; Carolina
beach; Florence in Tuscany; Sydney harbour; Adelaide hills; Chelsea market; Brooklyn bridge;
Hamilton, Ontario; a Wellington boot; King Charles street; Cameron highlands; Johnson city;
Merkel street market; Brown university; Harris county; Pence springs; Warren county; Cruz bay;
Sanders hill; Boris lake; Hassan II mosque; Sheikh Zayed road; the Prince Albert canal; Prince
George, British Columbia; Port Moresby; Prince William sound; Alexandria library; Saint Peter's
square; Francis street; Leo constellation; Victoria station"""
ENGLISH_THINGS = """a King Charles spaniel; a cavalier King Charles spaniel; a bush in the garden; may flowers; a
trump card; a macron over the vowel; a letter with a macron; a Ford Taylor pick-up; a plate of
poutine with gravy; a poutine truck; a musk ox; musk rose perfume; a swift in the sky; a rock by
the sea; a drake on a pond; a black jack table; a brown bear; a royal blue scarf; a rice field;
a cook in a kitchen; a gates of iron; a holland tulip; a penny on the floor; a pope's hat in a
museum; a lettuce; a martini with olives; a cameron check kilt; a downey pillow; a jobs fair; a
cruise ship; a pit bull; a depp green sea; a stone wall with ivy; a white tiger, woods behind; a
wood by a lake; a bale of hay; a kane toad; a sting ray; a prince rupert drop; a queen bee on a
comb; a chess king and a chess queen; a king penguin; an emperor penguin colony; a sultana cake;
a monarch butterfly; a president pear; a governor of a steam engine; a senator tie; a minister's
old house; a gold crown; a ruby ring; a rose garden; a robin on a spade; a jasmine tea; a lily
pond; a heather moor; a jack-o'-lantern; a sandwich with tuna; a newsom-green bench; a modern
kitchen; a vance bicycle; a walz, a waltz at a ball; a rutted road; ripe melons at a market; an
Epstein-Barr virus model; Jacob Epstein's sculpture; a Thunberg spirea; the president of the
chess club; the president of a company; the mayor of a toy town; the queen of hearts; the king
of clubs; the prime minister of an imaginary island; our teacher; my dog Max; my cat Leo; a
polish shoe brush; a turkey on a farm"""
ENGLISH_DEAD = """Napoleon on horseback; Cleopatra on her barge; Julius Caesar; Queen Victoria; Abraham Lincoln;
George Washington; Winston Churchill; Joan of Arc; Charles de Gaulle in 1940; Mozart at the
piano; Albert Einstein; Isaac Newton; Leonardo da Vinci; Vincent van Gogh; Frida Kahlo; Charlie
Chaplin; Marie Curie; Louis XIV; Henry VIII king of England; Genghis Khan; Tutankhamun;
Alexander the Great; King Arthur; Robin Hood; Sherlock Holmes; Harry Potter; Prince of Persia;
Princess Leia; Darth Vader; Hamlet prince of Denmark; Zeus and Hera; Santa Claus; Peter Pan;
Mary Poppins; Captain Nemo; James Bond; Dr Who; Zorro; Charles III of Spain by Goya; Philip II
of Spain by Titian, king of Spain in the sixteenth century; Elizabeth I; Ramses II; Confucius;
Saladin; Otto von Bismarck, chancellor of Germany; Theodore Roosevelt, president of the United
States; Adele Bloch-Bauer by Klimt; William Shakespeare; Jane Austen; Pope Julius II; Thomas
Jefferson; John F. Kennedy's airport; Marie Curie in her laboratory; a Madonna and child by
Raphael; an emperor of Japan in the Heian period; the French king Louis XIV; the Russian emperor
Peter the Great; an English king on his throne; an Amedeo Modigliani portrait; queen of England
in the 16th century; the first president of the United States; American presidents on banknotes;
an Abe Lincoln coin; the president's cup golf trophy; a tapestry of a medieval king of Sweden;
Obama onsen; a thunbergia flower; a Tesla coil; Elon university; a trumpet; a Macron street
sign; a Boris bike; a Johnson outboard motor; a Bernie mitten"""
FRENCH_PLACES = """la rue Charles de Gaulle; l'aéroport Charles de Gaulle; le stade Nelson Mandela; la place
Jacques Chirac; le quai Jacques Chirac; la tour Trump, Trump tower; le fleuve Jourdain; Paris au
printemps; les chutes Victoria; le lac Victoria; la rue du Président Wilson; l'avenue Kennedy;
la boulangerie Martin; la ferme de la famille Sanchez; le Costa Rica; le mont Arafat; la place
de la Nation; le pont Alexandre III; le square Georges Brassens; le parc Georges Brassens; le
boulevard Charles III; la gare de Lyon; le lycée Simone Veil; la rue Simone Veil; le musée
Victor Hugo; l'avenue Victor Hugo; le village de Hollande; la forêt de Fillon; le port de Royal;
la vallée de la Marne; le jardin Nelson Mandela; la mairie d'un village; l'Orban, une place"""
FRENCH_THINGS = """une assiette de poutine au fromage; la poutine québécoise; une poutine râpée; un macron sur la
voyelle; un accent, avec un macron; un mur de pierre; une pierre sous la pluie; un blouson en
jean; un jean troué; un baiser de pierre; un costume prince de galles; une veste prince de
galles; un épagneul king charles; un cavalier king charles; un canard colvert; un roitelet
huppé; un manchot empereur; une reine d'abeilles; une reine de coeur; le roi de pique; le roi
des animaux; le président du club d'échecs; la présidente d'une association; le maire d'un
village de montagne; le directeur d'un cirque; la première ministre d'un royaume imaginaire; un
chef étoilé; mon chien Max; mon chat Léo; notre professeur; un capitaine de pêche; une rose et
un lys; une barre de chocolat; un merle sur une branche; une fillon de vigne; des philippines,
amandes doubles; un poisson-pape; un pape des prés; un pull néerlandais; une dinde rôtie; une
cruche; un bayou; un barrage; une borne"""
FRENCH_DEAD = """Napoléon à cheval; Cléopâtre sur sa barque; Jules César; la reine Victoria; Louis XIV; Jeanne
d'Arc; Vercingétorix; Victor Hugo; Molière; Marie Curie; le roi Arthur; Robin des Bois; Sherlock
Holmes; Harry Potter; le prince de Perse; d'Artagnan; Astérix; Tintin; le Petit Prince; Obélix;
Charles III d'Espagne; Henri IV roi de France; François Ier; Marie Antoinette; Charlemagne
empereur; le Père Noël; Zorro; Mozart; Einstein; Léonard de Vinci; Vincent van Gogh; Jean
Moulin; Lamartine; le roi lion; la reine des neiges; le prince charmant; le roi soleil à
Versailles; le président Lincoln en bronze; la maire du village de Plougastel; un premier
ministre en papier mâché; le chancelier d'une université médiévale; l'empereur du Japon au Moyen
Âge; l'émir de Cordoue; le roi d'Angleterre sur une tapisserie médiévale; le tour de France
cycliste; un macronutriment; un Peugeot et un Renault; la baie des Anges; une rue de Mélenchon;
la trompette; le trumeau d'une église"""
ENGLISH_HARD = """a blacksmith's will and testament; a Will Smith & Sons shop sign; Tom in Holland on a
bicycle; the Rock of Gibraltar; a drake and a duck; a bee sting on a thumb; a prince in a tale; a cherry pie;
pink peonies; a seal on a rock; an usher in a theatre; a common sparrow; Adam and Eve by Cranach; a Madonna
lily; a tiger in the woods; a George Bush intercontinental terminal; a stone pit; chalk pits in Kent; bales of
straw; a christening gown; an orchard in bloom; moss on a wall; Campbell soup cans; iron gates of a park; a cook
and his knives; an odd jobs man; a yellow page from an old phone book; bridges over the Seine; wild olives; a
fox at dusk; a fox and hounds; a fish pond; a bird cage; cash in a drawer; a cooper making barrels; a post
office in Malone; lil baby ducks; Jordan almonds; Petra in Jordan; the hotel Hilton in Paris; the Hilton Paris
lobby; Casa Grande ruins; a lady with a lute; a bowie knife in a museum; Mercury, the planet; the god Mercury;
the Lennon wall in Prague; Amber heard a noise in the attic, comic; amber with an insect; a hill of faith,
chapel; an Underwood typewriter; a kelly green scarf; Jessica Rabbit cosplay; a summer walker on the trail; ivy
on a wall; the dean of a university; a dean's library; a Martin guitar; an Aston Martin on the road; a purple
martin on a pole; Jimmy Dean sausages on a plate; King Stephen of England; Martin Luther at Wittenberg; a larry
the cat cushion; a bird watcher; a street in Cuba; a bean stew; Mr Bean's teddy bear; a rowan tree; oranges in
Orlando; bacon and eggs; a meat loaf with gravy; a pot of apple sauce; a buffet in Warren county; a candy shop;
a jelly roll cake; an ice cube in a glass; fifty cents on a table; a diesel van; a river in Phoenix, Arizona; a
phoenix rising; North Dakota plains; Indiana Jones hat; Georgia in May; Virginia Woolf's desk; Savannah at
night; a butler in Austin; Kerry in Ireland; the ring of Kerry; Washington state ferries; Lincoln Town Car;
American Gothic by Grant Wood; granite blocks; a reed bed; pine trees; Lee jeans on a line; the Lee river in
Cork; a bullock in a meadow; crows on a wire; a hawk on a glove; Penny Lane in Liverpool; a lane in the country;
Jane Seymour by Holbein, Henry VIII's wife; Anne Boleyn at the Tower; a tailor in his shop; a young
will-o'-the-wisp; a Prince Charles cinema ticket; a Prince Albert coat; the Queen Mary ocean liner; the Queen
Mary 2 in New York; the Queen Elizabeth hall; the Duke Ellington school; a duke's castle; the Prince Edward
theatre; the Prince Edward Island coast; the King's Cross station; King's College chapel; the King George V
dock; Princess Street in Edinburgh; the Prince Regent at Brighton; a queen anne chair; a Queen Anne house in San
Francisco; a Victorian tea party; Fort Washington; Jackson Hole in winter; the Jackson square market; Jefferson
airplane poster; Monroe county court house; Truman Show style dome; a Johnson's baby powder tin; a Kennedy half
dollar; Cape Canaveral Kennedy pad; Ford Model T; a Ford pick-up; a Ford in a river; Nixon watch on a wrist; a
Carter's little liver pills tin; a carter with a horse; the Clinton River trail; a hoover in a cupboard; Grant
Park in Chicago; Taft point at Yosemite; Pierce brothers bakery; Hayes valley cafe; Arthur's seat; the Hudson
river; a Tyler rose garden; Polk street; Adams family doll house, hand made; Fillmore auditorium; Buchanan
castle; Garfield the cat; Cleveland, Ohio; McKinley peak; Roosevelt elk; Wilson tennis racket; Harding icefield;
Coolidge corner theatre; Eisenhower locks; a Bolsover castle; an orb and a sceptre; a meloncholy melon seller; a
putting green; the San Pedro street in Sánchez, Dominican Republic; a Moody Sunday in Modica; Rishi valley
school; a narrow boat named Boris; Boris Godunov at the opera; Angela's Ashes book cover; a macaron tower; a
Trumpeter swan; a trumpet vine; a Trumpington lane; biding time in a waiting room; a Harris hawk; a Harris tweed
coat; Vance county; Walz's bakery; Musk deer; a Gates mill; a Swift parrot; Swift's Gulliver; Taylor's port;
Taylor creek falls; a Perry pear cider; Perry's landing; a grande latte; the Rio Grande; a Jay on a branch; a
jay and a zebra; a beehive; beyond the horizon; bruno the bear; Venus and Mars by Botticelli; a Styles
hairdresser; hairy styles of dogs; a Gomez family taqueria; a Lopez street bakery; Lopez Island ferry; a
Lawrence of Arabia dune; St Lawrence river; a Watson trail; Dr Watson's notebook; Sherlock's friend Watson; a
Hathaway cottage; Anne Hathaway's cottage in Stratford; a pratt truss bridge; a Hemsworth village; Downey,
California; Evans head beach; Scarlett O'Hara's gown; Scarlet macaws; a pit stop; a Cruise ship at Miami; a
Hanks of wool; hanks of wool in a basket; a Freeman's farm; a Jackson's chameleon; the Samuel Pepys library; a
Reeves's pheasant; a Kean's bar; a Willis tower; a Gibson guitar; Mel's diner; a Nicholson park; a Crawford
market in Mumbai; a Cindy doll; a Schiffer slate; a Kardashev scale diagram; a West wind; the west coast; a
Jenner museum in Berkeley; Edward Jenner's garden; a Ronaldsway airport; a Bolt of lightning; bolts and nuts; a
Woods hole ferry; a Jordan shoe box; a Bryant park; a James river; King James bible; a Curry house; a curry with
rice; a Durant, Oklahoma street; a Williams pear; a Phelps lake; a Hamilton watch; Hamilton the musical poster;
Lady Hamilton by Romney; a Schumacher shoe shop; a Senna leaf; an Ali Baba jar; a Tyson's corner mall; a Foreman
on a site; Brady bunch style staircase; a Montana ranch; Joe's crab shack; baby ruth bar"""
FRENCH_HARD = """le centre Pompidou; le musée Pompidou à Metz; le site François-Mitterrand de la bibliothèque;
la bibliothèque François Mitterrand; le pont Jacques Chaban-Delmas; le musée du quai Branly Jacques Chirac; un
hidalgo espagnol; l'ingénieux hidalgo Don Quichotte; un hameau breton; un melon charentais; le Douanier
Rousseau; Jean-Jacques Rousseau à Ermenonville; une île Rousseau à Genève; un cornu dans un pré; le cornu et la
biche; une borne kilométrique; une borne d'incendie; un bayou de Louisiane; un maire et son écharpe; le maire de
Champignac; un barnum de fête; un castor au bord de l'eau; un port royal; un kir royal; une place royale; le
Palais-Royal; un tigre royal; le mont Royal à Montréal; des penne au basilic; une veste bleu marine; une marine
de Boudin; un peintre de marine; un ciel de Marion, aquarelle; le bois de Hollande; un édam de Hollande; une
tulipe de Hollande; le pays de Caux; une cazeneuve, petite case neuve; un bourg de montagne; un ayrault, vieux
nom de moulin; une valse; des vals fleuris; les Vals de Loire; un roc au bord d'une rivière; un jospin, petit
nom; un roussel, canard roux; un tondeur de moutons; La Ciotat en été; une véranda fleurie; un philippin en
barque; Philippe Auguste à Bouvines; Philippe le Bel; le roi Louis-Philippe par Winterhalter; une rue
Louis-Philippe; une station Philippe-Auguste; Edouard Manet au jardin; la tour Eiffel au printemps; Gustave
Eiffel; un Gabriel annonçant à Marie; l'archange Gabriel; une place de l'Élysée; le palais de l'Élysée; la rue
de l'Élysée; les Champs-Élysées; la ville de Reno au Nevada; une Peugeot à Sochaux; une ruche d'abeilles; un
bardot dans un pré; un âne et un bardot; un belmont, beau mont; une rue de Belmont; une plage de Montand; un
brasseur de bière; un Brassens, la rue de Brassens; la fontaine de Gainsbourg, maison rue de Verneuil; une hardy
fleur, plante hardie; un duc de Bourgogne; une piaf sur un toit; un piaf dans une cour; un moineau, un piaf; une
cruche de Bourvil, village; le village de Bourville; Lorient au matin; une caserne Marceau; l'avenue Marceau; le
général Marceau; le mont Cassel; la ville de Cassel; la rue du Jardin; un clovis et le vase; Clovis roi des
Francs; une étoile Sirius; une bouse de vache; la forêt d'Orléans; une girouette sur un toit; la rue des Champs;
Eustache Deschamps au Moyen Âge; l'arche de Noé; une lettre à mon fils; un pignon de maison; un teddy en
peluche; un ours teddy; un bosquet fleuri; la rose de Sophie; Sophie la girafe; les malheurs de Sophie; une
Catherine de Médicis; une Catherine II de Russie; la Grande Catherine; Marie Stuart; une marie-louise de cadre;
Charlotte aux fraises; une charlotte aux poires; un bruni, terre de Sienne brûlée; un cadre en bois bruni; un
nicolas de bois; saint Nicolas et les enfants; saint Emmanuel; saint François et les oiseaux; saint François
d'Assise; un pape au Moyen Âge; le palais des Papes; le pape Jules II par Raphaël; le pape Léon X par Raphaël;
un roi mage; le roi mage Balthazar; la galette des rois; un roi de Prusse; une reine-claude; des reines-claudes;
la reine de Saba; la reine Margot; un prince des ténèbres; le prince Vaillant; un prince de Conti; une princesse
au petit pois; un henri de jouet; un trumeau Louis XV; un trompette de la garde; un bidon d'huile; une poutre;
des poutres apparentes; une poutine au canard; du kimchi; un castrum romain; un chancelier de l'Échiquier; des
sandales Scholl; une mère et son fils"""
ENGLISH_FRAMES = (
    "{}, watercolour",
    "an old postcard showing {}",
    "a child's drawing of {}",
    "oil painting, {}, soft light",
)
FRENCH_FRAMES = (
    "{}, aquarelle",
    "une carte postale ancienne avec {}",
    "un dessin d'enfant : {}",
    "peinture à l'huile, {}, lumière douce",
)


def _said(frames: tuple[str, ...], *lists: str) -> Iterator[str]:
    namesakes = [" ".join(name.split()) for listing in lists for name in listing.split(";")]
    return (frame.format(name) for frame, name in product(frames, namesakes))


def namesake_sentences() -> list[str]:
    """All sentences, English and then French."""
    english = _said(ENGLISH_FRAMES, ENGLISH_PLACES, ENGLISH_THINGS, ENGLISH_DEAD, ENGLISH_HARD)
    return [*english, *_said(FRENCH_FRAMES, FRENCH_PLACES, FRENCH_THINGS, FRENCH_DEAD, FRENCH_HARD)]
