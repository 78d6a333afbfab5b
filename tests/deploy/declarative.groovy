// Reads a Jenkinsfile as Jenkins's declarative pipeline does, as far as its words go: every section
// where it may stand, every step known, nothing asked of a step that it does not have.
// Jenkins checks a file with a controller; this is Groovy of the line that Jenkins runs on (2.4).

class Refused extends RuntimeException {
    Refused(String message) { super(message) }
}

class Words {
    static final Map STEPS = [
        sh: [], echo: [], junit: ['testResults', 'skipMarkingBuildUnstable', 'allowEmptyResults'],
        archiveArtifacts: ['artifacts', 'allowEmptyArchive', 'fingerprint'],
    ]
    static final List OPTIONS = ['disableConcurrentBuilds', 'timeout', 'buildDiscarder', 'timestamps']
    static final List POST = ['always', 'success', 'failure', 'unstable', 'aborted', 'cleanup']
    static final Map SECTIONS = [
        pipeline: ['agent', 'options', 'triggers', 'environment', 'stages', 'post', 'parameters', 'tools'],
        stages: ['stage'],
        stage: ['agent', 'options', 'when', 'environment', 'steps', 'post'],
        post: POST, when: ['triggeredBy', 'not', 'branch'], not: ['triggeredBy', 'branch'],
        agent: ['label', 'docker'], triggers: ['cron'],
        options: OPTIONS,
    ]
    static final Map NEEDED = [pipeline: ['agent', 'stages'], stages: ['stage'], stage: ['steps']]
}

class Section {
    String name
    List seen = []

    void run(Closure body) {
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body.delegate = this
        body()
        def missing = (Words.NEEDED[name] ?: []) - seen
        if (missing) throw new Refused("$name has no ${missing.join(' and no ')}")
    }

    def methodMissing(String word, Object given) {
        def values = given as List
        if (name == 'environment') {
            if (word == 'credentials') return 'secret'
            throw new Refused("environment has no $word")
        }
        if (name == 'steps' || name in Words.POST) {
            if (!Words.STEPS.containsKey(word)) throw new Refused("no such step: $word")
            values.findAll { it instanceof Map }.each { named ->
                def unknown = named.keySet() - Words.STEPS[word]
                if (unknown) throw new Refused("$word has no ${unknown.join(', ')}")
            }
            return null
        }
        if (name == 'options' && word == 'logRotator') return null
        if (!(word in (Words.SECTIONS[name] ?: []))) throw new Refused("$name has no $word")
        if (word in seen && word != 'stage') throw new Refused("$name has $word twice")
        seen << word
        def body = values ? values[-1] : null
        if (body instanceof Closure) new Section(name: word).run(body)
        return null
    }

    def propertyMissing(String word) {
        if (word == 'env') return [:].withDefault { "<$it>" }
        if (word == 'any' || word == 'none') return word
        throw new Refused("$name has no $word")
    }

    def propertyMissing(String word, Object value) {
        if (name != 'environment') throw new Refused("$name has no $word")
    }
}

abstract class Pipeline extends Script {
    void pipeline(Closure body) {
        new Section(name: 'pipeline').run(body)
        println 'valid'
    }
}

def configuration = new org.codehaus.groovy.control.CompilerConfiguration()
configuration.scriptBaseClass = Pipeline.name
try {
    new GroovyShell(this.class.classLoader, new Binding(), configuration).evaluate(new File(args[0]))
} catch (Refused refused) {
    System.err.println refused.message
    System.exit(1)
} catch (org.codehaus.groovy.control.CompilationFailedException broken) {
    System.err.println broken.message
    System.exit(1)
}
