// The words of a consent sentence, those of consent_words.py: each has sounds that differ from every other word's.

export const WORDS = `
  acorn admiral amber antelope apricot asparagus avocado badger balcony ballerina banana bandit barley
  basketball bicycle blackbird blanket blossom blueberry bonfire bookshelf boomerang bracelet breakfast broccoli
  buffalo bulldozer bumblebee buttercup butterfly cabbage cactus candlestick canyon caravan cardboard cardinal
  carpet caterpillar cathedral cauliflower cavern celery champion chandelier chestnut chimney chipmunk chocolate
  cinnamon circus clarinet cobbler coconut concert corduroy cricket crocodile crystal cucumber curtain cyclone
  daffodil dandelion december desert diamond dinosaur dolphin donkey dragon dragonfly driftwood dumpling dungeon
  eclipse eggplant elephant eleven evergreen farmer festival fisherman flamingo flannel flashlight foxglove
  galaxy garden gingerbread giraffe glacier goldfish gondola gorilla granite grapefruit grasshopper guitar
  hamster harvest hazelnut hedgehog helmet hexagon horizon horseshoe hummingbird hurricane iceberg iguana indigo
  insect island jacket jaguar january jasmine jigsaw jukebox jungle juniper kangaroo kingdom ladybug lantern
  lavender leopard lettuce lighthouse lilac limestone lobster locomotive lullaby magician magnet mandarin mango
  marble marigold marmalade mercury meteor milkshake monsoon moonlight mosaic mosquito muffin mushroom mustard
  napkin nectarine nightingale ninety noodle notebook nutmeg oatmeal octopus orange orchard orchestra ostrich
  pajamas pancake paperclip paprika parachute parsnip passport pelican pendulum penguin peppermint periwinkle
  photograph piano picnic pineapple pistachio platypus pomegranate poppyseed porcupine potato pretzel prism
  pyramid quicksand raspberry rattlesnake reindeer rhinoceros rhubarb saffron sailboat salamander sandpaper
  sandwich scarecrow scooter scorpion seagull september seventeen skeleton snowflake spaghetti sparrow spinach
  spotlight squirrel stadium stopwatch strawberry submarine sugarcane sunflower sunrise symphony tablecloth
  tadpole tambourine teapot telescope thimble toothbrush tornado tractor trampoline triangle trombone trumpet
  tulip turquoise turtle twelve twenty typewriter umbrella unicorn volcano wallpaper walnut waterfall watermelon
  wheelbarrow whisker windmill woodpecker xylophone zebra zigzag zucchini
`
  .trim()
  .split(/\s+/);
